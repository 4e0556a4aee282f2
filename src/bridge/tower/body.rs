//! How long a request lasts: until the head of its response is there, or until its body has been sent.

use super::outcome::Outcome;
use super::request::Underway;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// When requests end: [`Head`] or [`BodyEnd`].
pub trait Until: sealed::Sealed {
    /// What becomes of a response's body.
    type Body<B: Body>: Body<Data = B::Data, Error = B::Error>;

    #[doc(hidden)]
    fn respond<B: Body>(response: Response<B>, ends: sealed::Ends) -> Response<Self::Body<B>>;
}

mod sealed {
    use super::super::request::Underway;

    pub trait Sealed {}

    /// The request whose response this is, and whether a body is sent at all.
    #[derive(Debug)]
    pub struct Ends {
        pub(in super::super) underway: Underway,
        pub(in super::super) has_body: bool,
    }
}

pub(super) use sealed::Ends;

/// A request ends when the head of its response is there.
#[derive(Clone, Copy, Debug)]
pub enum Head {}

/// A request ends when its response's body has been sent.
#[derive(Clone, Copy, Debug)]
pub enum BodyEnd {}

impl sealed::Sealed for Head {}
impl sealed::Sealed for BodyEnd {}

impl Until for Head {
    type Body<B: Body> = B;

    #[inline]
    fn respond<B: Body>(response: Response<B>, ends: Ends) -> Response<B> {
        ends.underway.end(Outcome::Status(response.status()));
        response
    }
}

impl Until for BodyEnd {
    type Body<B: Body> = UntilEnd<B>;

    fn respond<B: Body>(response: Response<B>, ends: Ends) -> Response<UntilEnd<B>> {
        let (status, Ends { underway, has_body }) = (response.status(), ends);
        let underway = match has_body && !response.body().is_end_stream() {
            true => {
                underway.responds(status);
                Some(underway)
            }
            // Nobody will ask for it.
            false => {
                underway.end(Outcome::Status(status));
                None
            }
        };
        response.map(|body| UntilEnd { body, underway, status })
    }
}

pin_project! {
    /// A response's body with which its request ends: from [`RequestLayer::until_body_end`](super::RequestLayer::until_body_end). Each poll
    /// runs in the request's scope.
    pub struct UntilEnd<B> {
        #[pin]
        body: B,
        underway: Option<Underway>,
        status: StatusCode,
    }
}

impl<B: Body> Body for UntilEnd<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        // As in the future of the request.
        let Some(underway) = this.underway.take() else { return this.body.poll_frame(context) };
        let polled = {
            let _within = underway.enter();
            this.body.as_mut().poll_frame(context)
        };
        match &polled {
            Poll::Ready(Some(Err(_))) => underway.end(Outcome::Failed),
            Poll::Ready(None) => underway.end(Outcome::Status(*this.status)),
            // After the last frame nobody asks again.
            Poll::Ready(Some(Ok(_))) if this.body.is_end_stream() => {
                underway.end(Outcome::Status(*this.status))
            }
            Poll::Ready(Some(Ok(_))) | Poll::Pending => *this.underway = Some(underway),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: fmt::Debug> fmt::Debug for UntilEnd<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilEnd").field("body", &self.body).finish_non_exhaustive()
    }
}
