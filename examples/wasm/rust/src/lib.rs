//! A wasi:http component: answers every request with the greeting of its environment.
use std::io::Write;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let greeting = std::env::var("GREETING").unwrap_or("Hello".into());
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().unwrap();
        ResponseOutparam::set(answer, Ok(response));
        let mut stream = body.write().unwrap();
        write!(stream, "{greeting} from Rust at {path}\n").unwrap();
        drop(stream);
        OutgoingBody::finish(body, None).unwrap();
    }
}
