/// Defines a layer and its service around a rule. What is common to the three layers stands here
/// once; what is particular is in each one's module.
macro_rules! define_layer {
    (
        $(#[$layer_doc:meta])*
        layer $Layer:ident;
        $(#[$service_doc:meta])*
        service $Service:ident;
        rule $Rule:ty;
    ) => {
        $(#[$layer_doc])*
        #[derive(Clone, Debug)]
        #[must_use]
        pub struct $Layer<M = $crate::denial::FromBytes> {
            guard: $crate::layer::guard::Guard<$Rule>,
            body: $crate::layer::define::Opaque<M>,
        }

        $(#[$service_doc])*
        #[derive(Clone, Debug)]
        pub struct $Service<S, M = $crate::denial::FromBytes> {
            inner: S,
            guard: $crate::layer::guard::Guard<$Rule>,
            body: $crate::layer::define::Opaque<M>,
        }

        impl $Layer {
            pub(crate) fn new(gate: $crate::TierGate, rule: $Rule) -> Self {
                Self {
                    guard: $crate::layer::guard::Guard::new(gate, rule),
                    body: $crate::layer::define::Opaque($crate::denial::FromBytes::default()),
                }
            }
        }

        impl<M> $Layer<M> {
            /// Finds out who a request is decided for, in place of the gate's way.
            pub fn subject(mut self, extract: impl $crate::request::ExtractSubject) -> Self {
                self.guard.settings_mut().subject = Some($crate::request::SubjectSource::new(extract));
                self
            }

            /// Says denials by `render`, in place of the gate's way.
            pub fn denials(mut self, render: impl $crate::denial::RenderDenial) -> Self {
                self.guard.settings_mut().renderer = Some($crate::denial::Renderer::new(render));
                self
            }

            /// Answers so while billing cannot be asked and nothing is known, in place of the
            /// gate's policy.
            pub fn when_unavailable(
                mut self,
                access: $crate::decision::UnavailableAccess,
            ) -> Self {
                self.guard.settings_mut().unavailable = Some(access);
                self
            }

            /// Makes the body of a denial by `make`, for services whose body is not `From<Bytes>`.
            pub fn denial_body<N>(self, make: N) -> $Layer<N> {
                $Layer {
                    guard: self.guard,
                    body: $crate::layer::define::Opaque(make),
                }
            }

            /// What the layer asks of a request, in words, for a list of routes.
            #[must_use]
            pub fn describe(&self) -> String {
                self.guard.rule.to_string()
            }
        }

        impl<S, M: Clone> tower_layer::Layer<S> for $Layer<M> {
            type Service = $Service<S, M>;

            fn layer(&self, inner: S) -> Self::Service {
                $Service {
                    inner,
                    guard: self.guard.clone(),
                    body: self.body.clone(),
                }
            }
        }

        impl<S, M> $Service<S, M> {
            /// The wrapped service.
            pub fn get_ref(&self) -> &S {
                &self.inner
            }

            /// The wrapped service.
            pub fn get_mut(&mut self) -> &mut S {
                &mut self.inner
            }

            /// The wrapped service.
            pub fn into_inner(self) -> S {
                self.inner
            }
        }

        impl<S, M, ReqBody, ResBody> tower_service::Service<http::Request<ReqBody>>
            for $Service<S, M>
        where
            S: tower_service::Service<
                    http::Request<ReqBody>,
                    Response = http::Response<ResBody>,
                > + Clone,
            M: $crate::denial::MakeBody<ResBody> + Clone,
        {
            type Response = S::Response;
            type Error = S::Error;
            type Future = $crate::layer::ResponseFuture<S, ReqBody, $Rule, M>;

            fn poll_ready(
                &mut self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Result<(), Self::Error>> {
                self.inner.poll_ready(cx)
            }

            fn call(&mut self, mut request: http::Request<ReqBody>) -> Self::Future {
                use $crate::layer::ResponseFuture;
                use $crate::layer::guard::Attempt;

                match self.guard.attempt(&mut request) {
                    Attempt::Allowed(pass) => {
                        ResponseFuture::answering(self.inner.call(request), pass)
                    }
                    Attempt::Refused(refused) => {
                        ResponseFuture::answered(self.guard.respond(refused, &self.body.0))
                    }
                    Attempt::Later(decision) => {
                        // The service that was found ready goes along with the request; the clone
                        // stays here to be asked for the next one. See
                        // <https://docs.rs/tower/latest/tower/trait.Service.html#be-careful-when-cloning-inner-services>
                        let clone = self.inner.clone();
                        let service = std::mem::replace(&mut self.inner, clone);
                        ResponseFuture::deciding(
                            decision,
                            service,
                            request,
                            self.guard.clone(),
                            self.body.0.clone(),
                        )
                    }
                }
            }
        }
    };
}

pub(crate) use define_layer;

/// Something that may be a closure, and is shown as such.
#[derive(Clone)]
pub(crate) struct Opaque<M>(pub(crate) M);

impl<M> std::fmt::Debug for Opaque<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<make body>")
    }
}
