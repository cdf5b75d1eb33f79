using System.Text.Json;
using System.Text.Json.Serialization;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Baton.Server.Mcp;

/// <summary>The Model Context Protocol at /mcp, without sessions: any replica answers any call.</summary>
internal static partial class AgentEndpoint
{
    public static void AddAgents(this IServiceCollection services)
    {
        services.AddHttpContextAccessor();
        var json = new JsonSerializerOptions(ModelContextProtocol.McpJsonUtilities.DefaultOptions);
        json.Converters.Insert(0, new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
        services.AddMcpServer(server => server.ServerInfo = new() { Name = "baton", Title = "Baton", Version = "1" })
            .WithHttpTransport(transport => transport.Stateless = true)
            .WithRequestFilters(filters => filters.AddCallToolFilter(next => (request, cancel) => TellAsync(next, request, cancel)))
            .WithTools<AgentTools>(json);
    }

    public static void MapAgents(this WebApplication app) =>
        app.MapMcp("/mcp").RequirePermission(Permissions.RunsRead, onFlow: true).NotAudited("its tools write the audit themselves");

    /// <summary>A call that fails is an answer to the agent, which can act on it; the protocol's own errors are for calls of no tool.</summary>
    private static async ValueTask<CallToolResult> TellAsync(McpRequestHandler<CallToolRequestParams, CallToolResult> next, RequestContext<CallToolRequestParams> request, CancellationToken cancel)
    {
        try
        {
            return await next(request, cancel);
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or McpException))
        {
            var known = exception is ArgumentException or JsonException or FormatException
                ? new BatonException(ErrorCodes.InvalidInput, $"these are no arguments of {request.Params?.Name}", exception.Message, "give what the tool's schema asks for", exception)
                : Problems.Known(exception);
            if (known.Code == ErrorCodes.Unexpected)
            {
                LogFailed(request.Services!.GetRequiredService<ILoggerFactory>().CreateLogger("Baton.Server.Mcp"), exception, request.Params?.Name);
            }
            return new() { IsError = true, Content = [new TextContentBlock { Text = known.Text }] };
        }
    }

    [LoggerMessage(EventIds.AgentToolFailed, LogLevel.Error, "The tool {Tool} failed in an unforeseen way")]
    private static partial void LogFailed(ILogger log, Exception exception, string? tool);
}
