//! Kinds of events: a name, a severity, typed fields. Declared once, at a call site by
//! [`kind!`](crate::kind) or at run time by [`Events::define`](super::Events::define).

use super::class::Class;
use super::payload::Payload;
use crate::error::Severity;
use crate::sync::SiteNumber;
use std::borrow::Cow;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldType {
    /// An unsigned integer.
    U64,
    /// A signed integer.
    I64,
    /// A floating-point number.
    F64,
    /// True or false.
    Bool,
    /// Text, stored inline.
    Str,
    /// Bytes, stored inline.
    Bytes,
}

/// A named field of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub field_type: FieldType,
}

/// What all events of a kind have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schema {
    pub(crate) name: Cow<'static, str>,
    pub(crate) severity: Severity,
    pub(crate) class: Class,
    pub(crate) starts: bool,
    pub(crate) fields: Cow<'static, [Field]>,
}

impl Schema {
    /// A kind known at compile time: what [`kind!`](crate::kind) expands to.
    #[doc(hidden)]
    #[must_use]
    pub const fn declared(
        name: &'static str,
        severity: Severity,
        class: Class,
        starts: bool,
        fields: &'static [Field],
    ) -> Self {
        Self { name: Cow::Borrowed(name), severity, class, starts, fields: Cow::Borrowed(fields) }
    }

    /// A kind made at run time, at severity `Info`, of class [`Class::Normal`], without fields.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            severity: Severity::Info,
            class: Class::Normal,
            starts: false,
            fields: Cow::Borrowed(&[]),
        }
    }

    /// The same at another severity.
    #[must_use]
    pub fn severity_of(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same in another retention class.
    #[must_use]
    pub fn class_of(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// The same, of events with which their correlation id begins.
    #[must_use]
    pub fn starting(mut self) -> Self {
        self.starts = true;
        self
    }

    /// The same with one more field.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>, field_type: FieldType) -> Self {
        self.fields.to_mut().push(Field { name: name.into(), field_type });
        self
    }

    /// The name, dotted by habit: `order.filled`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much such an event matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Against which events such events are kept.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Whether a correlation id begins with such an event.
    #[must_use]
    pub const fn starts(&self) -> bool {
        self.starts
    }

    /// The fields, in the order in which they are stored.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// A kind declared at a call site: its schema, and the number it gets at first use.
#[doc(hidden)]
#[derive(Debug)]
pub struct Site {
    pub(crate) schema: Schema,
    pub(crate) number: SiteNumber,
}

impl Site {
    #[must_use]
    pub const fn new(schema: Schema) -> Self {
        Self { schema, number: SiteNumber::new() }
    }
}

/// An event of a kind that [`kind!`](crate::kind) declared.
///
/// Not to be implemented by hand: `encode` runs in the middle of a write, where nothing of the host may run.
/// A wrong implementation loses or pads its own payload and harms nothing else.
pub trait Event {
    /// The class of the kind, so that its ring is known when the call is compiled.
    #[doc(hidden)]
    const CLASS: Class;
    /// The kind.
    #[doc(hidden)]
    fn site() -> &'static Site;
    /// How many words the fields take.
    #[doc(hidden)]
    fn payload_words(&self) -> usize;
    /// Stores the fields, in the order of the schema.
    #[doc(hidden)]
    fn encode(&self, payload: &mut Payload<'_>);
}

/// Declares kinds of events: a struct each, its schema interned once, its fields stored without allocation.
///
/// `kind! { pub Name("dotted.name", severity = Info, class = Normal, starts) { field: type, .. } }`; `severity` (default
/// `Info`), `class` (default `Normal`, see [`Class`](crate::events::Class)) and `starts` (the correlation id begins with
/// such an event) may be left out. Types: `u64`, `i64`, `f64`, `bool`,
/// `str`, `bytes`; structs with `str` or `bytes` borrow them for the call.
///
/// ```
/// flightdeck::kind! {
///     /// An order was filled.
///     pub OrderFilled("order.filled", severity = Info, class = Normal) { qty: u64, price: f64, venue: str }
///     /// The market opened.
///     MarketOpened("market.opened") {}
/// }
/// let events = flightdeck::events::Events::builder().build()?;
/// events.record(OrderFilled { qty: 5, price: 1.25, venue: "XETRA" });
/// events.record(MarketOpened {});
/// assert_eq!(events.query().run()?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! kind {
    () => {};
    ($(#[$meta:meta])* $vis:vis $name:ident ($text:literal $(, $option:ident $(= $value:ident)?)*)
        { $($field:ident : $type:ident),* $(,)? } $($rest:tt)*) => {
        $crate::__kind_struct!([$($type)*] $(#[$meta])* $vis $name { $($field: $type),* });
        $crate::__kind_event!([$($type)*] $name, $text, [$([$option $($value)?])*], { $($field: $type),* });
        $crate::kind! { $($rest)* }
    };
}

/// The struct of a kind: with a lifetime if a field borrows.
#[doc(hidden)]
#[macro_export]
macro_rules! __kind_struct {
    ([str $($more:ident)*] $($def:tt)*) => { $crate::__kind_struct!(@borrows $($def)*); };
    ([bytes $($more:ident)*] $($def:tt)*) => { $crate::__kind_struct!(@borrows $($def)*); };
    ([$skip:ident $($more:ident)*] $($def:tt)*) => { $crate::__kind_struct!([$($more)*] $($def)*); };
    ([] $(#[$meta:meta])* $vis:vis $name:ident { $($field:ident : $type:ident),* }) => {
        $(#[$meta])* #[derive(Clone, Copy, Debug)] $vis struct $name {
            $(#[doc = concat!("Field `", stringify!($field), "`.")] $vis $field: $crate::__kind_type!($type)),*
        }
    };
    (@borrows $(#[$meta:meta])* $vis:vis $name:ident { $($field:ident : $type:ident),* }) => {
        $(#[$meta])* #[derive(Clone, Copy, Debug)] $vis struct $name<'a> {
            $(#[doc = concat!("Field `", stringify!($field), "`.")] $vis $field: $crate::__kind_type!($type 'a)),*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_type {
    (u64 $($lt:lifetime)?) => { u64 };
    (i64 $($lt:lifetime)?) => { i64 };
    (f64 $($lt:lifetime)?) => { f64 };
    (bool $($lt:lifetime)?) => { bool };
    (str $lt:lifetime) => { &$lt str };
    (bytes $lt:lifetime) => { &$lt [u8] };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_field_type {
    (u64) => {
        $crate::events::FieldType::U64
    };
    (i64) => {
        $crate::events::FieldType::I64
    };
    (f64) => {
        $crate::events::FieldType::F64
    };
    (bool) => {
        $crate::events::FieldType::Bool
    };
    (str) => {
        $crate::events::FieldType::Str
    };
    (bytes) => {
        $crate::events::FieldType::Bytes
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_severity {
    () => { $crate::Severity::Info };
    ([severity $severity:ident] $($more:tt)*) => { $crate::Severity::$severity };
    ([class $class:ident] $($more:tt)*) => { $crate::__kind_severity!($($more)*) };
    ([starts] $($more:tt)*) => { $crate::__kind_severity!($($more)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_class {
    () => { $crate::events::Class::Normal };
    ([class $class:ident] $($more:tt)*) => { $crate::events::Class::$class };
    ([severity $severity:ident] $($more:tt)*) => { $crate::__kind_class!($($more)*) };
    ([starts] $($more:tt)*) => { $crate::__kind_class!($($more)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_starts {
    () => { false };
    ([starts] $($more:tt)*) => { true };
    ([severity $severity:ident] $($more:tt)*) => { $crate::__kind_starts!($($more)*) };
    ([class $class:ident] $($more:tt)*) => { $crate::__kind_starts!($($more)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kind_event {
    ([str $($more:ident)*] $name:ident, $($def:tt)*) => { $crate::__kind_event!(@impl ['_] $name, $($def)*); };
    ([bytes $($more:ident)*] $name:ident, $($def:tt)*) => { $crate::__kind_event!(@impl ['_] $name, $($def)*); };
    ([$skip:ident $($more:ident)*] $($def:tt)*) => { $crate::__kind_event!([$($more)*] $($def)*); };
    ([] $($def:tt)*) => { $crate::__kind_event!(@impl [] $($def)*); };
    (@impl [$($lt:lifetime)?] $name:ident, $text:literal, [$($options:tt)*],
        { $($field:ident : $type:ident),* }) => {
        impl $crate::events::Event for $name $(<$lt>)? {
            const CLASS: $crate::events::Class = $crate::__kind_class!($($options)*);
            #[inline(always)]
            fn site() -> &'static $crate::events::Site {
                static SITE: $crate::events::Site = $crate::events::Site::new($crate::events::Schema::declared(
                    $text,
                    $crate::__kind_severity!($($options)*),
                    $crate::__kind_class!($($options)*),
                    $crate::__kind_starts!($($options)*),
                    &[$($crate::events::Field {
                        name: ::std::borrow::Cow::Borrowed(stringify!($field)),
                        field_type: $crate::__kind_field_type!($type),
                    }),*],
                ));
                &SITE
            }
            #[inline(always)]
            fn payload_words(&self) -> usize {
                0 $(+ $crate::events::Encode::words(&self.$field))*
            }
            #[inline(always)]
            fn encode(&self, payload: &mut $crate::events::Payload<'_>) {
                let _ = &payload;
                $($crate::events::Encode::encode(&self.$field, payload);)*
            }
        }
    };
}
