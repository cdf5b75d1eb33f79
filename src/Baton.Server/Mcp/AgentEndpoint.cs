using System.Text.Json;
using System.Text.Json.Serialization;
using Baton.Server.Audit;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Mcp;

/// <summary>The Model Context Protocol at /mcp, without sessions: any replica answers any call.</summary>
internal static class AgentEndpoint
{
    public static void AddAgents(this IServiceCollection services)
    {
        services.AddHttpContextAccessor();
        var json = new JsonSerializerOptions(ModelContextProtocol.McpJsonUtilities.DefaultOptions);
        json.Converters.Insert(0, new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
        services.AddMcpServer(server => server.ServerInfo = new() { Name = "baton", Title = "Baton", Version = "1" })
            .WithHttpTransport(transport => transport.Stateless = true)
            .WithTools<AgentTools>(json);
    }

    public static void MapAgents(this WebApplication app) =>
        app.MapMcp("/mcp").RequirePermission(Permissions.RunsRead, onFlow: true).NotAudited("its tools write the audit themselves");
}
