use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::guard::{Deliberation, Guard, Refusal};
use super::rule::{Pass, Rule, Settled};
use crate::denial::MakeBody;

pin_project! {
    /// The future of every service of this crate.
    ///
    /// Dropping it before the service behind has answered, as a server does when a client goes away,
    /// gives back what was reserved for the request. After that, what was charged stays charged.
    pub struct ResponseFuture<S, B, R, M>
    where
        S: Service<Request<B>>,
        R: Rule,
    {
        #[pin]
        state: State<S, B, R, M>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, R, M>
    where
        S: Service<Request<B>>,
        R: Rule,
    {
        /// The service behind is answering.
        Answering {
            #[pin]
            future: S::Future,
            pass: Option<R::Pass>,
        },
        /// The answer is there, and is held back until it is counted.
        Settling {
            settled: Settled,
            response: Option<S::Response>,
        },
        /// The answer is there.
        Answered { response: Option<S::Response> },
        /// Somebody is asked whether the request may go on. The service that was found ready waits
        /// with it, because another clone of it may not be.
        Deciding {
            decision: Deliberation<R::Pass>,
            // Boxed, because every request that is decided at once would be as large otherwise.
            waiting: Option<Box<Waiting<S, B, R, M>>>,
        },
        Done,
    }
}

struct Waiting<S, B, R, M> {
    service: S,
    request: Request<B>,
    guard: Guard<R>,
    body: M,
}

impl<S, B, R, M> ResponseFuture<S, B, R, M>
where
    S: Service<Request<B>>,
    R: Rule,
{
    pub(crate) fn answering(future: S::Future, pass: R::Pass) -> Self {
        Self {
            state: State::Answering {
                future,
                pass: Some(pass),
            },
        }
    }

    pub(crate) fn answered(response: S::Response) -> Self {
        Self {
            state: State::Answered {
                response: Some(response),
            },
        }
    }

    pub(crate) fn deciding(
        decision: Deliberation<R::Pass>,
        service: S,
        request: Request<B>,
        guard: Guard<R>,
        body: M,
    ) -> Self {
        Self {
            state: State::Deciding {
                decision,
                waiting: Some(Box::new(Waiting {
                    service,
                    request,
                    guard,
                    body,
                })),
            },
        }
    }
}

impl<S, B, ResBody, R, M> Future for ResponseFuture<S, B, R, M>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    R: Rule,
    M: MakeBody<ResBody>,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        match state.as_mut().project() {
            StateProjection::Answering { .. } => state.poll_answering(cx),
            _ => state.poll_otherwise(cx),
        }
    }
}

impl<S, B, ResBody, R, M> State<S, B, R, M>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    R: Rule,
    M: MakeBody<ResBody>,
{
    /// Polls the service behind.
    #[inline]
    fn poll_answering(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<ResBody>, S::Error>> {
        let StateProjection::Answering { future, pass } = self.as_mut().project() else {
            return Poll::Pending;
        };
        // The answer is large. Whatever comes of it, it stays in one place, which is that of the result.
        let mut polled = future.poll(cx);
        if let Poll::Ready(result) = &mut polled {
            let pass = pass.take();
            // The service is done with the request: let go of what it still holds of it.
            self.set(Self::Done);
            if let Some(settled) = settle(pass, result)
                && let Poll::Ready(Ok(response)) = std::mem::replace(&mut polled, Poll::Pending)
            {
                self.set(Self::Settling {
                    settled,
                    response: Some(response),
                });
                polled = self.poll_otherwise(cx);
            }
        }
        polled
    }

    /// Waits for whom the request or its answer waits for.
    #[inline(never)]
    fn poll_otherwise(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<ResBody>, S::Error>> {
        loop {
            let next = match self.as_mut().project() {
                StateProjection::Answering { .. } => return self.poll_answering(cx),
                StateProjection::Settling { settled, response } => {
                    ready!(settled.as_mut().poll(cx));
                    Self::Answered {
                        response: response.take(),
                    }
                }
                StateProjection::Answered { response } => match response.take() {
                    Some(response) => return Poll::Ready(Ok(response)),
                    None => return Poll::Pending,
                },
                StateProjection::Deciding { decision, waiting } => {
                    let deliberated = ready!(decision.as_mut().poll(cx));
                    match waiting.take() {
                        Some(waiting) => waiting.go_on(deliberated),
                        None => Self::Done,
                    }
                }
                // Polled again after it was ready: stay quiet rather than bring the server down.
                StateProjection::Done => return Poll::Pending,
            };
            self.set(next);
        }
    }
}

/// Settles what was taken for a request whose service answered with `result`. What failed is given back.
fn settle<P: Pass, B, E>(pass: Option<P>, result: &mut Result<Response<B>, E>) -> Option<Settled> {
    let response = result.as_mut().ok()?;
    let status = response.status();
    pass?.settle(status, response.headers_mut())
}

impl<S, B, R, M> Waiting<S, B, R, M> {
    fn go_on<ResBody>(self, deliberated: super::guard::Deliberated<R::Pass>) -> State<S, B, R, M>
    where
        S: Service<Request<B>, Response = Response<ResBody>>,
        R: Rule,
        M: MakeBody<ResBody>,
    {
        let Self {
            mut service,
            mut request,
            guard,
            body,
        } = self;
        match guard.finish(deliberated, &mut request) {
            Ok(pass) => State::Answering {
                future: service.call(request),
                pass: Some(pass),
            },
            Err(refused) => State::Answered {
                response: Some(guard.respond(Refusal::Own(refused), &body)),
            },
        }
    }
}

impl<S, B, R, M> fmt::Debug for ResponseFuture<S, B, R, M>
where
    S: Service<Request<B>>,
    R: Rule,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
