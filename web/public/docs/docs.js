// The API's reference: Swagger UI over the server's own OpenAPI document. No script stands in the HTML, for the CSP.
window.SwaggerUIBundle({
  dom_id: "#reference",
  url: "/api/openapi.json",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
