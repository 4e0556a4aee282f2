//! Which errors of this crate an error is.

use super::ErrorReport;
use super::reported::Advice;
use crate::error::Diagnostic;
use crate::hub::{ConfigNameError, GuardError, NotReady, PanicHookError, Settings, StartError, TailError};
use crate::{clock, config, events, supervisor, telemetry};
use std::error;

/// Any error: as it comes by `source`.
type Error = dyn error::Error + 'static;

/// What an error says beside its message, if it is one of this crate's. Generic ones are known by the deck's own types.
pub(super) fn advice<C: Send + Sync + 'static>(error: &Error) -> Option<Advice> {
    generic::<C>(error)
        .or_else(|| generic::<Settings>(error))
        .or_else(|| plain(error))
        .or_else(|| by_features(error))
        .map(Advice::of)
}

/// A report that is reported once more.
pub(super) fn report(error: &Error) -> Option<&ErrorReport> {
    error.downcast_ref().or_else(|| error.downcast_ref::<Box<ErrorReport>>().map(|boxed| &**boxed))
}

macro_rules! is_one_of {
    ($error:ident: $($type:ty),* $(,)?) => {
        None$(.or_else(|| $error.downcast_ref::<$type>().map(|error| error as &dyn Diagnostic)))*
    };
}

fn generic<C: Send + Sync + 'static>(error: &Error) -> Option<&dyn Diagnostic> {
    let found = is_one_of!(error: StartError<C>, config::Rejected<C>, config::UpdateError<C>, config::RollbackError<C>);
    #[cfg(feature = "serde")]
    let found = found.or_else(|| is_one_of!(error: config::PatchError<C>));
    found
}

fn plain(error: &Error) -> Option<&dyn Diagnostic> {
    is_one_of!(
        error: clock::TickError, clock::TimeError,
        config::DeriveError, config::HistoryError,
        events::BatchError, events::BuildError, events::CaptureError, events::ClaimError, events::DefineError,
        events::DirectivesError, events::FollowError, events::PinError, events::PredicateError,
        events::PromptError, events::QueryError, events::QuotaError, events::RecordError, events::ReserveError,
        events::SectionError,
        events::TraceparentError, events::TriggerError, events::ValuesError, events::WriterError,
        supervisor::AcquireError, supervisor::BreakerSettingsError, supervisor::BudgetError,
        supervisor::BulkheadLimitError, supervisor::CheckError, supervisor::EnterError,
        supervisor::HealthCheckError, supervisor::Limited,
        supervisor::LimitsError, supervisor::Rejected, supervisor::RemoveError, supervisor::RetryPolicyError,
        supervisor::SpawnError, supervisor::StartError,
        telemetry::AddError, telemetry::AttachError, telemetry::BuildError, telemetry::CarryError, telemetry::DescribeError,
        telemetry::GroupError, telemetry::LabelError, telemetry::NameError, telemetry::RegisterError,
        telemetry::SectionError, telemetry::WindowError,
        ConfigNameError, GuardError, NotReady, PanicHookError, TailError,
    )
}

#[cfg_attr(
    not(feature = "serde"),
    allow(unused_variables, reason = "without features there is nothing to know")
)]
fn by_features(error: &Error) -> Option<&dyn Diagnostic> {
    let found = None;
    #[cfg(feature = "serde")]
    let found = found.or_else(|| {
        is_one_of!(
            error: config::DiffError, config::PathError, config::PathSyntaxError,
            config::Refused, crate::hub::ReplayError,
        )
    });
    #[cfg(feature = "serve")]
    let found = found.or_else(|| is_one_of!(error: crate::hub::ServeError));
    #[cfg(feature = "sources")]
    let found = found.or_else(|| is_one_of!(error: config::LoadError, config::Problem, config::WatchError));
    #[cfg(feature = "process")]
    let found = found.or_else(|| {
        is_one_of!(
            error: telemetry::InputError, telemetry::PressureError, telemetry::ProcessError,
            telemetry::WatchError,
        )
    });
    #[cfg(all(feature = "systemd", target_os = "linux"))]
    let found = found.or_else(|| is_one_of!(error: crate::hub::SystemdError));
    #[cfg(feature = "zerocopy")]
    let found = found.or_else(|| is_one_of!(error: events::PodError));
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    let found = found.or_else(|| {
        use crate::mapped::{CreateError, HeaderError, OpenError};
        is_one_of!(
            error: CreateError, HeaderError, OpenError, events::RecordingError, telemetry::RecordingError,
            crate::hub::DumpError, crate::hub::PartError,
        )
    });
    found
}
