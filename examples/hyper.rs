//! The layers around a bare hyper service: no axum, no router.
//!
//! ```console
//! $ cargo run -p tiergate-examples --example hyper
//! ```

mod demo;
mod sign_in;

use std::convert::Infallible;
use std::error::Error;
use std::process::ExitCode;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tiergate::{Catalog, StaticLookup, TierGate};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use demo::Arguments;

const SUBSCRIBERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/subscribers.json");

type Body = BoxBody<Bytes, Infallible>;

#[tokio::main]
async fn main() -> ExitCode {
    demo::run(8080, &[], serve).await
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let listener = demo::listen(arguments.port).await?;
    let gate = TierGate::builder(Catalog::from_path(&arguments.catalog)?)
        .lookup(StaticLookup::from_path(SUBSCRIBERS)?)
        .build()?;

    // A body that is made from bytes, such as `Full`, needs nothing more than the layer.
    let contacts = ServiceBuilder::new()
        .layer(gate.require_feature("crm_enabled")?)
        .service_fn(contacts);
    // For any other body, the layer is told how to make one for a denial.
    let execute = ServiceBuilder::new()
        .layer(
            gate.check_usage_limit("workflow_executions_monthly")?
                .denial_body(|bytes| Full::new(bytes).boxed()),
        )
        .service_fn(execute);

    let service = ServiceBuilder::new()
        .map_request(sign_in::sign_in)
        .service(service_fn(move |request: Request<Incoming>| {
            let (contacts, execute) = (contacts.clone(), execute.clone());
            async move {
                match request.uri().path() {
                    "/contacts" => Ok(contacts.oneshot(request).await?.map(BodyExt::boxed)),
                    "/execute" => execute.oneshot(request).await,
                    _ => Ok(not_found()),
                }
            }
        }));

    print_guide(&format!("http://{}", listener.local_addr()?));
    tokio::select! {
        result = accept(listener, service) => result,
        () = demo::interrupted() => Ok(()),
    }
}

async fn accept<S>(listener: tokio::net::TcpListener, service: S) -> Result<(), Box<dyn Error>>
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                eprintln!("a connection ended: {error}");
            }
        });
    }
}

async fn contacts(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new("Ada Lovelace, Grace Hopper\n".into()))
}

async fn execute(_request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(text("executed\n"))
}

fn text(body: &'static str) -> Response<Body> {
    Response::new(Full::from(body).boxed())
}

fn not_found() -> Response<Body> {
    let mut response = text("not found\n");
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn print_guide(at: &str) {
    println!("listening on {at}");
    let is = |user: &str| format!("-H 'Authorization: Bearer demo-{user}'");
    let steps = [
        (
            "Pia is on Pro.",
            "200",
            format!("{at}/contacts {}", is("pia")),
        ),
        (
            "Fay is on Free.",
            "403 FEATURE_NOT_AVAILABLE",
            format!("{at}/contacts {}", is("fay")),
        ),
        (
            "Lou has three: try four times.",
            "200, 200, 200, 429 LIMIT_EXCEEDED",
            format!("{at}/execute {}", is("lou")),
        ),
        ("Nothing is there.", "404", format!("{at}/nothing")),
    ];
    demo::print_guide(&steps);
}
