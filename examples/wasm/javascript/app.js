// A wasi:http component, of the kind that service workers are: one listener for requests.
addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const { pathname } = new URL(request.url);
  console.log(request.method, pathname);
  const body = request.method === "POST" ? await request.json() : {};
  return Response.json({ from: "JavaScript", path: pathname, ...body });
}
