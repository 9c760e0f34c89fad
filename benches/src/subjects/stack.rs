//! Our `Stack`, alone and with an id of the caller.

use http::Uri;
use martello::{Body, Stack, StackLayer};
use tower::ServiceBuilder;

use super::{Made, drive, layers};
use crate::{Error, case::Case, place::Client};

pub(super) fn subject<C: Client<Body>>(name: &str, case: Case, client: C, uri: Uri) -> Made {
    if case == Case::Wait {
        return Ok(None);
    }
    let new = ServiceBuilder::new;
    let asking = match name {
        "martello_stack" => {
            let stack = stack(case, Stack::new())?;
            drive::asking::<Body, _>(new().layer(stack).service(client), uri)
                .telling(layers::tells(case))
                .boxed()
        }
        #[cfg(feature = "peers")]
        _ => {
            let stack = stack(case, Stack::new().caller_id_with("x-request-id", request_id::of))?;
            let service = new().layer(request_id::layer()).layer(stack).service(client);
            drive::asking::<Body, _>(service, uri).telling(layers::tells(case)).boxed()
        }
        // It needs tower-http.
        #[cfg(not(feature = "peers"))]
        _ => return Ok(None),
    };
    Ok(Some(asking))
}

fn stack(case: Case, stack: Stack) -> Result<StackLayer, Error> {
    let budget = layers::budget(case)?;
    let stack = stack.retry(|builder| layers::at_once(case, builder.budget(budget)));
    Ok(stack.log(|builder| layers::log(case, builder)).build()?)
}

/// An id that the caller makes, because the combined stacks have one, too.
#[cfg(feature = "peers")]
mod request_id {
    use http::Extensions;
    use martello::CallerId;
    use tower_http::request_id::{MakeRequestUuid, RequestId, SetRequestIdLayer};

    pub(super) fn layer() -> SetRequestIdLayer<MakeRequestUuid> {
        SetRequestIdLayer::x_request_id(MakeRequestUuid)
    }

    pub(super) fn of(extensions: &Extensions) -> Option<CallerId> {
        CallerId::from_header(extensions.get::<RequestId>()?.header_value()).ok()
    }
}
