//! Issuers of tokens for tests: real keys, and a real server that publishes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// A secret that is long enough.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A key to sign with, under a name.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    pub(crate) fn secret(secret: &str) -> Self {
        crate::auth::install_crypto().unwrap();
        Self {
            id: "secret".to_owned(),
            algorithm: Algorithm::HS256,
            key: EncodingKey::from_secret(secret.as_bytes()),
        }
    }

    pub(crate) fn generate(id: &str, algorithm: Algorithm) -> Self {
        crate::auth::install_crypto().unwrap();
        let random = SystemRandom::new();
        let key = match algorithm {
            Algorithm::RS256 => rsa(),
            Algorithm::ES256 => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
                EncodingKey::from_ec_der(pair.as_ref())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate_pkcs8v1(&random).unwrap();
                EncodingKey::from_ed_der(pair.as_ref())
            }
            other => panic!("no key for {other:?}"),
        };
        Self {
            id: id.to_owned(),
            algorithm,
            key,
        }
    }

    /// What the issuer publishes of it.
    pub(crate) fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk
    }

    pub(crate) fn header(&self) -> Header {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        header
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    pub(crate) fn sign_as(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).unwrap()
    }
}

/// RFC 5958 wraps an RSA key of 2,048 bits in 26 bytes; `jsonwebtoken` wants what is within (RFC 8017).
fn rsa() -> EncodingKey {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let wrapped = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    EncodingKey::from_rsa_der(&wrapped.as_ref()[26..])
}

/// What the server of keys does when it is asked.
#[derive(Clone)]
pub(crate) enum Publishing {
    Keys(Vec<Value>),
    Text(String),
    Status(StatusCode),
    Redirect(String),
    Hang,
}

/// A server on loopback that publishes keys.
pub(crate) struct KeyServer {
    pub(crate) url: String,
    publishing: Arc<ArcSwap<Publishing>>,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    pub(crate) async fn start(publishing: Publishing) -> Self {
        let publishing = Arc::new(ArcSwap::from_pointee(publishing));
        let asked = Arc::new(AtomicUsize::new(0));
        let (shown, counted) = (Arc::clone(&publishing), Arc::clone(&asked));
        let app = Router::new().fallback(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let publishing = shown.load_full();
            async move { answer(&publishing).await }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            url,
            publishing,
            asked,
        }
    }

    pub(crate) fn publish(&self, publishing: Publishing) {
        self.publishing.store(Arc::new(publishing));
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn answer(publishing: &Publishing) -> Response {
    match publishing {
        Publishing::Keys(keys) => axum::Json(json!({ "keys": keys })).into_response(),
        Publishing::Text(text) => text.clone().into_response(),
        Publishing::Status(status) => status.into_response(),
        Publishing::Redirect(to) => Redirect::temporary(to).into_response(),
        Publishing::Hang => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::OK.into_response()
        }
    }
}
