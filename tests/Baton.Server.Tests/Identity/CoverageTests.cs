using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Baton.Server.Audit;
using Baton.Server.Identity;
using Google.Protobuf;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;

namespace Baton.Server.Tests.Identity;

/// <summary>
/// Every endpoint there is, called by everybody. access.txt says who may: columns are nobody, viewer, operator, approver and
/// admin; `+` comes in (whatever the endpoint then answers), `1` is 401 and `3` is 403. A new endpoint needs a line there.
/// </summary>
public sealed partial class CoverageTests
{
    private static readonly string?[] Callers = [null, Roles.Viewer, Roles.Operator, Roles.Approver, Roles.Admin];

    [Fact]
    public async Task Every_endpoint_lets_in_whom_the_table_says()
    {
        await using var server = await TestServer.StartAsync(("Identity:SignInsPerMinute", "10000"));
        var tokens = new List<string?>();
        foreach (var role in Callers)
        {
            tokens.Add(role is null ? null : await TokenAsync(server, role));
        }

        var actual = new List<string>();
        foreach (var (method, endpoint) in Endpoints(server))
        {
            var access = new StringBuilder();
            foreach (var token in tokens)
            {
                access.Append(await AccessAsync(server, token, method, endpoint));
            }
            actual.Add($"{access} {method} {endpoint.RoutePattern.RawText!.Insert(0, endpoint.RoutePattern.RawText.StartsWith('/') ? "" : "/")}");
        }

        var expected = await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Identity", "access.txt"));
        var found = actual.Order(StringComparer.Ordinal).Distinct().ToArray();
        Assert.True(expected.SequenceEqual(found), $"Not as the table says: {string.Join("; ", found.Except(expected))}. In the table only: {string.Join("; ", expected.Except(found))}");
    }

    [Fact]
    public async Task Every_endpoint_names_its_permission_or_that_it_is_for_all()
    {
        await using var server = await TestServer.StartAsync();

        Assert.All(Endpoints(server), pair => Assert.True(
            pair.Endpoint.Metadata.GetMetadata<PermissionRequirement>() is { } requirement
                ? Permissions.All.Contains(requirement.Permission)
                : pair.Endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null,
            $"{pair.Method} {pair.Endpoint.RoutePattern.RawText} names no permission"));
    }

    [Fact]
    public async Task Every_endpoint_that_changes_something_is_audited_or_says_why_not()
    {
        await using var server = await TestServer.StartAsync();

        Assert.All(
            Endpoints(server).Where(pair => !HttpMethods.IsGet(pair.Method) && !HttpMethods.IsHead(pair.Method) && !HttpMethods.IsOptions(pair.Method)),
            pair => Assert.True(
                pair.Endpoint.Metadata.GetMetadata<AuditedMetadata>() is not null || pair.Endpoint.Metadata.GetMetadata<NotAuditedMetadata>() is not null,
                $"{pair.Method} {pair.Endpoint.RoutePattern.RawText} is neither audited nor says why not"));
    }

    [Fact]
    public async Task Every_method_of_the_durable_services_asks_for_the_permission_to_read_or_write()
    {
        await using var server = await TestServer.StartAsync(("Temporal:RequireAuthentication", "true"));
        foreach (var (caller, reads, writes) in new[] { (Roles.Viewer, true, false), (Roles.Operator, true, true), (Roles.Approver, true, false), (Roles.Admin, true, true) })
        {
            var connection = await ConnectAsync(server, await TokenAsync(server, caller));
            foreach (var (service, method) in Methods(connection))
            {
                var isRead = Regex.IsMatch(method.Name, "^(Get|List|Describe|Count|Scan|Query)");
                var allowed = method.Name == nameof(WorkflowService.GetSystemInfoAsync) || (isRead ? reads : writes);
                Assert.True(await IsDeniedAsync(service, method) is not { } denied || denied != allowed, $"{service.GetType().Name}.{method.Name} by {caller} should be {(allowed ? "allowed" : "denied")}");
            }
        }
        var stranger = await Assert.ThrowsAsync<InvalidOperationException>(() => ConnectAsync(server, "bt_pat_nobodys"));
        Assert.Contains("Unauthenticated", stranger.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_limited_to_reading_does_not_write_to_durable_execution()
    {
        await using var server = await TestServer.StartAsync(("Temporal:RequireAuthentication", "true"));
        var connection = await ConnectAsync(server, await TokenAsync(server, Roles.Operator, Permissions.TemporalRead));

        await connection.WorkflowService.ListWorkflowExecutionsAsync(new() { Namespace = "default" });
        var refused = await Assert.ThrowsAsync<RpcException>(() => connection.WorkflowService.SignalWorkflowExecutionAsync(new() { Namespace = "default" }));

        Assert.Equal(RpcException.StatusCode.PermissionDenied, refused.Code);
    }

    private static IEnumerable<(string Method, RouteEndpoint Endpoint)> Endpoints(TestServer server) =>
        from endpoint in server.Server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        from method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is { Count: > 0 } methods ? methods : ["GET", "POST"]
        select (method, endpoint);

    private static async Task<char> AccessAsync(TestServer server, string? token, string method, RouteEndpoint endpoint)
    {
        using var http = server.As(token);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5), TimeProvider.System);
        var path = Parameter().Replace(endpoint.RoutePattern.RawText!, match => match.Value.Contains(":guid", StringComparison.Ordinal) ? Guid.Empty.ToString() : match.Value.Contains(":int", StringComparison.Ordinal) || match.Value.Contains(":long", StringComparison.Ordinal) ? "0" : "none");
        using var request = new HttpRequestMessage(new HttpMethod(method), path.TrimStart('/'));
        if (method is not ("GET" or "HEAD" or "OPTIONS"))
        {
            request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        }
        HttpResponseMessage answer;
        try
        {
            answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        }
        catch (OperationCanceledException)
        {
            // A refusal comes at once: what waits for something to tell has let the caller in.
            return '+';
        }
        using var disposed = answer;
        Assert.True(answer.StatusCode != HttpStatusCode.InternalServerError, $"{method} {path} answers 500");
        return answer.StatusCode switch
        {
            HttpStatusCode.Unauthorized => '1',
            HttpStatusCode.Forbidden => '3',
            _ => '+',
        };
    }

    private static async Task<string> TokenAsync(TestServer server, string role, params string[] scopes)
    {
        var name = $"{role}-{Guid.NewGuid():N}";
        using var user = await server.Http.PostAsJsonAsync("api/v1/users", new { name, service = true, roles = new[] { role } });
        using var answer = await server.Http.PostAsJsonAsync("api/v1/tokens", new { name = "test", user = name, scopes });
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).Text("token")!;
    }

    private static async Task<ITemporalConnection> ConnectAsync(TestServer server, string token)
    {
        var connection = TemporalConnection.CreateLazy(new(server.Server.TemporalAddress) { ApiKey = token, Tls = new() { Disabled = true } });
        await connection.WorkflowService.GetSystemInfoAsync(new());
        return connection;
    }

    private static IEnumerable<(RpcService Service, MethodInfo Method)> Methods(ITemporalConnection connection) =>
        from service in new RpcService[] { connection.WorkflowService, connection.OperatorService }
        from method in service.GetType().GetMethods()
        where method.Name.EndsWith("Async", StringComparison.Ordinal) && method.GetParameters() is [{ ParameterType: var request }, ..] && request.IsAssignableTo(typeof(IMessage))
        select (service, method);

    /// <returns>Null for a method that the server does not have.</returns>
    private static async Task<bool?> IsDeniedAsync(RpcService service, MethodInfo method)
    {
        var request = (IMessage)Activator.CreateInstance(method.GetParameters()[0].ParameterType)!;
        if (request.Descriptor.FindFieldByName("namespace") is { FieldType: Google.Protobuf.Reflection.FieldType.String } ns)
        {
            // Of another namespace what would take away the one that the server works in.
            ns.Accessor.SetValue(request, method.Name.StartsWith("Delete", StringComparison.Ordinal) ? "none" : "default");
        }
        try
        {
            // A poll that is let in waits for work: that it waits is the answer.
            await (Task)method.Invoke(service, [request, new RpcOptions { Retry = false, Timeout = method.Name.StartsWith("Poll", StringComparison.Ordinal) ? TimeSpan.FromSeconds(2) : null }])!;
            return false;
        }
        catch (RpcException refused)
        {
            return refused.Code == RpcException.StatusCode.Unimplemented ? null : refused.Code is RpcException.StatusCode.PermissionDenied or RpcException.StatusCode.Unauthenticated;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
