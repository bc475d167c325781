use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::BillingError;
use crate::api::Problem;
use crate::auth::{Caller, Role};

/// Lets admins through.
pub(super) async fn admins_only(
    caller: Caller,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if !caller.is(Role::Admin) {
        let reason = "this takes the role `admin`";
        return Err(BillingError::Forbidden(reason.into()).into());
    }
    Ok(next.run(request).await)
}
