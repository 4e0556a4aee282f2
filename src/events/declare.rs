//! The macro that declares kinds at a call site. Its helpers look at the types of fields one token at a time: a
//! field's type arrives as a bracket such as `[u64]`, `[secret str]` or `[pod Quote]`.

/// Declares kinds of events: a struct each, its schema interned once, its fields stored without allocation.
///
/// `kind! { pub Name("dotted.name", severity = Info, class = Normal, starts, prompt) { field: type, .. } }`; `severity`
/// (default `Info`), `class` (default `Normal`, see [`Class`](crate::events::Class)), `starts` (the correlation id begins with
/// such an event) and `prompt` (such an event wakes whoever waits for it, see
/// [`Cursor::prompt`](crate::events::Cursor::prompt)) may be left out.
///
/// | type | the struct holds | stored |
/// |---|---|---|
/// | `u64`, `i64`, `f64`, `bool` | the same | one word |
/// | `str`, `bytes` | `&str`, `&[u8]` | inline, up to [`Builder::longest_value`](crate::events::Builder::longest_value) |
/// | `diff` | `&[Change]` | what differs; see [`Change`](crate::events::Change) |
/// | `pod T` | `&T` | its bytes; read back with `Recorded::pod`; needs the feature `zerocopy` |
/// | `secret` and any of these but `diff` | as without | its length only |
/// | `personal` and any of these but `diff` | as without | a [`Pseudonym`](crate::events::Pseudonym) |
///
/// Structs that hold references borrow them for the call. Their `Debug` shows neither secret nor personal values.
///
/// ```
/// flightdeck::kind! {
///     /// An order was filled.
///     pub OrderFilled("order.filled", severity = Info, class = Normal) { qty: u64, price: f64, venue: str }
///     /// Somebody came in.
///     LoggedIn("user.logged_in") { user: personal str, token: secret str }
/// }
/// let events = flightdeck::events::Events::builder().build()?;
/// events.record(OrderFilled { qty: 5, price: 1.25, venue: "XETRA" });
/// events.record(LoggedIn { user: "ann@example.com", token: "correct horse" });
///
/// let answer = events.query().run()?;
/// let text = answer.timeline().to_string();
/// assert!(text.contains("qty=5") && text.contains("token=<secret, 13 bytes>"), "{text}");
/// assert!(!text.contains("ann"), "{text}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! kind {
    () => {};
    ($(#[$meta:meta])* $vis:vis $name:ident ($text:literal $(, $option:ident $(= $value:ident)?)*)
        { $($field:ident : $($type:ident)+),* $(,)? } $($rest:tt)*) => {
        $crate::__kind_struct!([$($($type)+)*] $(#[$meta])* $vis $name { $($field: [$($type)+]),* });
        $crate::__kind_event!(
            [$($($type)+)*] $name, $text, [$([$option $($value)?])*], { $($field: [$($type)+]),* }
        );
        $crate::kind! { $($rest)* }
    };
}

/// The struct of a kind: with a lifetime if a field borrows.
#[doc(hidden)]
#[macro_export]
macro_rules! __kind_struct {
    ([str $($more:ident)*] $($def:tt)*) => { $crate::__kind_struct!(@borrows $($def)*); };
    ([bytes $($more:ident)*] $($def:tt)*) => { $crate::__kind_struct!(@borrows $($def)*); };
    ([diff $($more:ident)*] $($def:tt)*) => { $crate::__kind_struct!(@borrows $($def)*); };
    ([pod $($more:ident)*] $($def:tt)*) => { $crate::__kind_struct!(@borrows $($def)*); };
    ([$skip:ident $($more:ident)*] $($def:tt)*) => { $crate::__kind_struct!([$($more)*] $($def)*); };
    ([] $(#[$meta:meta])* $vis:vis $name:ident { $($field:ident : $type:tt),* }) => {
        $(#[$meta])* #[derive(Clone, Copy)] $vis struct $name {
            $(#[doc = concat!("Field `", stringify!($field), "`.")] $vis $field: $crate::__kind_type!($type)),*
        }
    };
    (@borrows $(#[$meta:meta])* $vis:vis $name:ident { $($field:ident : $type:tt),* }) => {
        $(#[$meta])* #[derive(Clone, Copy)] $vis struct $name<'a> {
            $(#[doc = concat!("Field `", stringify!($field), "`.")] $vis $field: $crate::__kind_type!($type 'a)),*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_type {
    ([secret $($type:ident)+] $($lt:lifetime)?) => { $crate::__kind_type!([$($type)+] $($lt)?) };
    ([personal $($type:ident)+] $($lt:lifetime)?) => { $crate::__kind_type!([$($type)+] $($lt)?) };
    ([u64] $($lt:lifetime)?) => { u64 };
    ([i64] $($lt:lifetime)?) => { i64 };
    ([f64] $($lt:lifetime)?) => { f64 };
    ([bool] $($lt:lifetime)?) => { bool };
    ([str] $lt:lifetime) => { &$lt str };
    ([bytes] $lt:lifetime) => { &$lt [u8] };
    ([diff] $lt:lifetime) => { &$lt [$crate::events::Change<$lt>] };
    ([pod $type:ident] $lt:lifetime) => { &$lt $type };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_field_type {
    ([secret $($type:ident)+]) => { $crate::__kind_field_type!([$($type)+]) };
    ([personal $($type:ident)+]) => { $crate::__kind_field_type!([$($type)+]) };
    ([u64]) => { $crate::events::FieldType::U64 };
    ([i64]) => { $crate::events::FieldType::I64 };
    ([f64]) => { $crate::events::FieldType::F64 };
    ([bool]) => { $crate::events::FieldType::Bool };
    ([str]) => { $crate::events::FieldType::Str };
    ([bytes]) => { $crate::events::FieldType::Bytes };
    ([diff]) => { $crate::events::FieldType::Diff };
    ([pod $type:ident]) => { $crate::events::FieldType::Bytes };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_privacy {
    ([secret $($type:ident)+]) => {
        $crate::events::Privacy::Secret
    };
    ([personal $($type:ident)+]) => {
        $crate::events::Privacy::Personal
    };
    ([$($type:ident)+]) => {
        $crate::events::Privacy::Open
    };
}

/// A field's value as it is stored, and as it is shown.
#[doc(hidden)]
#[macro_export]
macro_rules! __kind_stored {
    ([secret $($type:ident)+] $value:expr) => {
        $crate::events::Secret($crate::__kind_stored!([$($type)+] $value))
    };
    ([personal $($type:ident)+] $value:expr) => {
        $crate::events::Personal($crate::__kind_stored!([$($type)+] $value))
    };
    ([pod $type:ident] $value:expr) => { $crate::__kind_pod!($value) };
    ([$type:ident] $value:expr) => { $value };
}

#[cfg(feature = "zerocopy")]
#[doc(hidden)]
#[macro_export]
macro_rules! __kind_pod {
    ($value:expr) => {
        $crate::events::Pod($value)
    };
}

#[cfg(not(feature = "zerocopy"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __kind_pod {
    ($value:expr) => {
        compile_error!("a `pod` field needs the feature `zerocopy` of flightdeck")
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_severity {
    () => { $crate::Severity::Info };
    ([severity $severity:ident] $($more:tt)*) => { $crate::Severity::$severity };
    ([class $class:ident] $($more:tt)*) => { $crate::__kind_severity!($($more)*) };
    ([starts] $($more:tt)*) => { $crate::__kind_severity!($($more)*) };
    ([prompt] $($more:tt)*) => { $crate::__kind_severity!($($more)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_class {
    () => { $crate::events::Class::Normal };
    ([class $class:ident] $($more:tt)*) => { $crate::events::Class::$class };
    ([severity $severity:ident] $($more:tt)*) => { $crate::__kind_class!($($more)*) };
    ([starts] $($more:tt)*) => { $crate::__kind_class!($($more)*) };
    ([prompt] $($more:tt)*) => { $crate::__kind_class!($($more)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_starts {
    () => { false };
    ([starts] $($more:tt)*) => { true };
    ([severity $severity:ident] $($more:tt)*) => { $crate::__kind_starts!($($more)*) };
    ([class $class:ident] $($more:tt)*) => { $crate::__kind_starts!($($more)*) };
    ([prompt] $($more:tt)*) => { $crate::__kind_starts!($($more)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_prompt {
    () => { false };
    ([prompt] $($more:tt)*) => { true };
    ([severity $severity:ident] $($more:tt)*) => { $crate::__kind_prompt!($($more)*) };
    ([class $class:ident] $($more:tt)*) => { $crate::__kind_prompt!($($more)*) };
    ([starts] $($more:tt)*) => { $crate::__kind_prompt!($($more)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_event {
    ([str $($more:ident)*] $name:ident, $($def:tt)*) => { $crate::__kind_event!(@impl ['_] $name, $($def)*); };
    ([bytes $($more:ident)*] $name:ident, $($def:tt)*) => { $crate::__kind_event!(@impl ['_] $name, $($def)*); };
    ([diff $($more:ident)*] $name:ident, $($def:tt)*) => { $crate::__kind_event!(@impl ['_] $name, $($def)*); };
    ([pod $($more:ident)*] $name:ident, $($def:tt)*) => { $crate::__kind_event!(@impl ['_] $name, $($def)*); };
    ([$skip:ident $($more:ident)*] $($def:tt)*) => { $crate::__kind_event!([$($more)*] $($def)*); };
    ([] $($def:tt)*) => { $crate::__kind_event!(@impl [] $($def)*); };
    (@impl [$($lt:lifetime)?] $name:ident, $text:literal, [$($options:tt)*],
        { $($field:ident : $type:tt),* }) => {
        impl $crate::events::Event for $name $(<$lt>)? {
            const CLASS: $crate::events::Class = $crate::__kind_class!($($options)*);
            const PROMPT: bool = $crate::__kind_prompt!($($options)*);
            #[inline(always)]
            fn site() -> &'static $crate::events::Site {
                static SITE: $crate::events::Site = $crate::events::Site::new($crate::events::Schema::declared(
                    $text,
                    $crate::__kind_severity!($($options)*),
                    $crate::__kind_class!($($options)*),
                    $crate::__kind_starts!($($options)*),
                    $crate::__kind_prompt!($($options)*),
                    &[$($crate::events::Field {
                        name: ::std::borrow::Cow::Borrowed(stringify!($field)),
                        field_type: $crate::__kind_field_type!($type),
                        privacy: $crate::__kind_privacy!($type),
                    }),*],
                ));
                &SITE
            }
            #[inline(always)]
            fn payload_words(&self, longest: usize) -> usize {
                let _ = longest;
                0 $(+ $crate::events::Encode::words(&$crate::__kind_stored!($type self.$field), longest))*
            }
            #[inline(always)]
            fn encode(&self, payload: &mut $crate::events::Payload<'_>) {
                let _ = &payload;
                $($crate::events::Encode::encode(&$crate::__kind_stored!($type self.$field), payload);)*
            }
        }

        impl ::std::fmt::Debug for $name $(<$lt>)? {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &$crate::__kind_stored!($type self.$field)))*
                    .finish()
            }
        }
    };
}
