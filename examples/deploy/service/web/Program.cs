using Web;

var revision = Path.Combine(AppContext.BaseDirectory, "REVISION") is var file && File.Exists(file) ? File.ReadAllText(file).Trim() : "none";
var builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
var app = builder.Build();
app.MapGet("/", (string? name) => Greeting.For(name ?? "world"));
app.MapGet("/healthz", () => Health.Problem() is { } problem
    ? Results.Json(new { status = problem, revision }, statusCode: StatusCodes.Status503ServiceUnavailable)
    : Results.Json(new { status = "ok", revision }));
app.Run();
