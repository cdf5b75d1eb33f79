using System.Text.Json;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Identity;
using GraphQL;
using GraphQL.MicrosoftDI;
using GraphQL.SystemTextJson;
using GraphQL.Transport;
using GraphQL.Types;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Baton.Server.GraphQl;

/// <summary>
/// GraphQL at /graphql, as "GraphQL over HTTP" has it: POST with JSON, GET for queries, and subscriptions over WebSocket by
/// the protocol graphql-transport-ws. A query may nest 20 levels, and cost 10,000 fields as it is written.
/// </summary>
internal static partial class GraphEndpoint
{
    private const string ResponseType = "application/graphql-response+json";
    private const int MaxDepth = 20;
    private const int MaxComplexity = 10_000;

    private static readonly JsonSerializerOptions Strict = new(JsonSerializerDefaults.Web) { MaxDepth = RequestBodies.MaxDepth, AllowDuplicateProperties = false };

    public static void AddGraph(this IServiceCollection services)
    {
        services.AddTransient(typeof(ApiType<>));
        services.AddTransient<JsonScalar>();
        services.AddGraphQL(graph => graph
            .AddSystemTextJson()
            .AddGraphTypeMappingProvider<ApiTypes>()
            .AddAutoSchema<GraphQuery>(schema => schema.WithSubscription<GraphSubscription>())
            .AddComplexityAnalyzer(complexity =>
            {
                complexity.MaxDepth = MaxDepth;
                complexity.MaxComplexity = MaxComplexity;
            }));
    }

    public static void MapGraph(this WebApplication app) => app.MapMethods("/graphql", ["GET", "POST"], AnswerAsync)
        .RequirePermission(Permissions.RunsRead, onFlow: true).ExcludeFromDescription().NotAudited("it changes nothing");

    /// <summary>Runs one request in the caller's name.</summary>
    public static Task<ExecutionResult> ExecuteAsync(HttpContext http, GraphQLRequest request, CancellationToken cancel) =>
        http.RequestServices.GetRequiredService<IDocumentExecuter>().ExecuteAsync(new ExecutionOptions
        {
            Schema = http.RequestServices.GetRequiredService<ISchema>(),
            Query = request.Query,
            OperationName = request.OperationName,
            Variables = request.Variables,
            Extensions = request.Extensions,
            RequestServices = http.RequestServices,
            UserContext = new Dictionary<string, object?> { [nameof(Caller)] = Caller.Of(http) },
            CancellationToken = cancel,
            UnhandledExceptionDelegate = failure =>
            {
                var known = Problems.Known(failure.OriginalException);
                failure.ErrorMessage = known.Text;
                if (known.Code == ErrorCodes.Unexpected)
                {
                    LogFailed(http, failure.OriginalException);
                }
                return Task.CompletedTask;
            },
        });

    private static async Task AnswerAsync(HttpContext http)
    {
        if (http.WebSockets.IsWebSocketRequest)
        {
            await GraphSocket.RunAsync(http);
            return;
        }
        var request = await ReadAsync(http);
        var result = await ExecuteAsync(http, request, http.RequestAborted);
        if (result.Streams is not null)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "subscriptions need a WebSocket", null, "connect with the protocol graphql-transport-ws");
        }
        // Only the newer media type tells a request that could not be carried out from one that was, by its status.
        var modern = http.Request.Headers.Accept.ToString().Contains(ResponseType, StringComparison.OrdinalIgnoreCase);
        http.Response.StatusCode = modern && !result.Executed ? StatusCodes.Status400BadRequest : StatusCodes.Status200OK;
        http.Response.ContentType = $"{(modern ? ResponseType : "application/json")}; charset=utf-8";
        await http.RequestServices.GetRequiredService<IGraphQLSerializer>().WriteAsync(http.Response.Body, result, http.RequestAborted);
    }

    private static async Task<GraphQLRequest> ReadAsync(HttpContext http)
    {
        try
        {
            if (HttpMethods.IsGet(http.Request.Method))
            {
                var query = http.Request.Query;
                return new()
                {
                    Query = Text(query["query"]),
                    OperationName = query["operationName"],
                    Variables = query["variables"] is [{ Length: > 0 } variables] ? new GraphQLSerializer(Strict).Deserialize<Inputs>(variables) : null,
                };
            }
            if (!http.Request.HasJsonContentType())
            {
                throw new BatonException(ErrorCodes.InvalidInput, "the body must be application/json", null, "send {\"query\": ...} as JSON");
            }
            using var checkedBody = JsonDocument.Parse(await RequestBodies.ReadAsync(http.Request), new() { MaxDepth = RequestBodies.MaxDepth, AllowDuplicateProperties = false });
            var request = new GraphQLSerializer(Strict).ReadNode<GraphQLRequest>(checkedBody.RootElement) ?? throw Missing();
            return Text(request.Query) is not null ? request : throw Missing();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the request is not GraphQL over HTTP", exception.Message, "send {\"query\": ..., \"variables\": {...}}", exception);
        }
    }

    private static string Text(string? query) => string.IsNullOrWhiteSpace(query) ? throw Missing() : query;

    private static BatonException Missing() => new(ErrorCodes.InvalidInput, "the request has no query", null, "send {\"query\": ...}");

    public static void LogFailed(HttpContext http, Exception exception) =>
        LogFailed(http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("Baton.Server.GraphQl"), exception);

    [LoggerMessage(EventIds.GraphFieldFailed, LogLevel.Error, "A GraphQL field failed in an unforeseen way")]
    private static partial void LogFailed(ILogger log, Exception exception);
}
