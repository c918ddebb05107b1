// docs - the API document of this very server, rendered; requests can be tried with a key of one's own.
window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  displayOperationId: false,
  tryItOutEnabled: false,
  validatorUrl: null,
});
