using System.Net;
using System.Text.Json.Nodes;
using Baton.Server.Flows;
using Microsoft.Extensions.DependencyInjection;
using Temporalio.Client;

namespace Baton.Server.Tests.Flows;

public sealed class FlowApiTests
{
    internal const string Greet = """
        # greets
        document: { dsl: 1.0.3, namespace: default, name: greet, version: 1.0.0, title: Greeting }
        do:
          - hello: { set: { text: '${ "hello " + .name }' } }
        """;

    [Fact]
    public async Task A_flow_is_applied_shown_changed_and_taken_out_of_force()
    {
        await using var server = await TestServer.StartAsync();

        var created = await server.Http.CallAsync(HttpMethod.Put, "flows/default/greet", Greet, "application/yaml");
        Assert.Equal(HttpStatusCode.Created, created.Status);
        Assert.Equal("created", (string?)created.Body!["change"]);
        Assert.Equal("unchanged", (string?)(await server.Http.ApplyAsync("default/greet", Greet))["change"]);

        var shown = await server.Http.CallAsync(HttpMethod.Get, "flows/default/greet");
        Assert.Equal(Greet, (string?)shown.Body!["text"]);
        Assert.Equal("greet", (string?)shown.Body["definition"]!["document"]!["name"]);
        var tag = shown.Response.Headers.ETag!.Tag;
        Assert.Equal(HttpStatusCode.NotModified, (await server.Http.CallAsync(HttpMethod.Get, "flows/default/greet", headers: ("If-None-Match", tag))).Status);

        var changed = Greet.Replace("hello ", "good day ", StringComparison.Ordinal);
        var dry = await server.Http.CallAsync(HttpMethod.Put, "flows/default/greet?dryRun=true", changed, "application/yaml");
        Assert.Equal("changed", (string?)dry.Body!["change"]);
        var applied = await server.Http.CallAsync(HttpMethod.Put, "flows/default/greet", changed, "application/yaml", ("If-Match", tag));
        Assert.Equal("/do/0/hello/set/text", (string?)applied.Body!["differences"]![0]!["pointer"]);
        Assert.Equal(2, (int)applied.Body["revision"]!);

        Assert.Equal(HttpStatusCode.PreconditionFailed, (await server.Http.CallAsync(HttpMethod.Put, "flows/default/greet", Greet, "application/yaml", ("If-Match", tag))).Status);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await server.Http.CallAsync(HttpMethod.Put, "flows/default/greet", Greet, "application/yaml", ("If-None-Match", "*"))).Status);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await server.Http.CallAsync(HttpMethod.Delete, "flows/default/greet", headers: ("If-Match", tag))).Status);

        Assert.Equal([2, 1], ((JsonArray)await server.Http.ReadAsync("flows/default/greet/versions")).Select(version => (int)version!["revision"]!));
        Assert.Equal(Greet, (string?)(await server.Http.ReadAsync("flows/default/greet/versions/r1"))["text"]);
        Assert.Equal(changed, (string?)(await server.Http.ReadAsync("flows/default/greet/versions/1.0.0"))["text"]);

        Assert.Equal("deleted", (string?)(await server.Http.CallAsync(HttpMethod.Delete, "flows/default/greet")).Body!["change"]);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.CallAsync(HttpMethod.Get, "flows/default/greet")).Status);
        Assert.Empty((JsonArray)await server.Http.ReadAsync("flows"));
        Assert.Equal(2, ((JsonArray)await server.Http.ReadAsync("flows/default/greet/versions")).Count);
        Assert.Equal(3, (int)(await server.Http.ApplyAsync("default/greet", Greet))["revision"]!);

        await server.RestartAsync();
        Assert.Equal("default/greet:1.0.0", ((JsonArray)await server.Http.ReadAsync("flows?text=Greet")).Select(flow => $"{flow!["namespace"]}/{flow["name"]}:{flow["version"]}").Single());
    }

    [Fact]
    public async Task All_problems_of_a_flow_are_told_at_once_with_their_places()
    {
        await using var server = await TestServer.StartAsync();
        const string Wrong = """
            document: { dsl: 1.0.3, namespace: default, name: wrong, version: 1.0.0 }
            do:
              - one: { set: { a: '${ now }' }, then: nowhere }
              - two: { call: nothing:1.0.0@default }
            """;

        var (status, body, response) = await server.Http.CallAsync(HttpMethod.Put, "flows/default/wrong", Wrong, "application/yaml");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("BT4401", (string?)body!["code"]);
        Assert.Equal([3, 3, 4, 4], ((JsonArray)body["problems"]!).Select(problem => (int)problem!["line"]!).Order());
        var report = await server.Http.PostAsync("flows/validate", Wrong);
        Assert.False((bool)report["valid"]!);
        Assert.Equal(4, ((JsonArray)report["problems"]!).Count);
        Assert.True((bool)(await server.Http.PostAsync("flows/validate", Greet))["valid"]!);
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Http.CallAsync(HttpMethod.Put, "flows/default/other", Greet, "application/yaml")).Status);
    }

    [Fact]
    public async Task A_flow_is_drawn_as_text_and_as_an_image()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/greet", Greet);

        Assert.StartsWith("flowchart TD", await server.Http.GetStringAsync(new Uri("api/v1/flows/default/greet/diagram", UriKind.Relative)), StringComparison.Ordinal);
        var svg = System.Xml.Linq.XDocument.Parse(await server.Http.GetStringAsync(new Uri("api/v1/flows/default/greet/diagram?format=svg", UriKind.Relative)));
        Assert.Contains(svg.Descendants(), element => element.Value == "hello: set");
    }

    [Fact]
    public async Task A_schedule_runs_once_for_each_revision_and_ends_with_its_flow()
    {
        await using var server = await TestServer.StartAsync();
        const string Scheduled = """
            document: { dsl: 1.0.3, namespace: default, name: tick, version: 1.0.0 }
            schedule: { every: { days: 1 } }
            do:
              - one: { set: { a: 1 } }
            """;
        await server.Http.ApplyAsync("default/tick", Scheduled);
        var scheduler = server.Server.Services.GetRequiredService<FlowScheduler>();
        var client = server.Server.Services.GetRequiredService<ITemporalClient>();
        Task<WorkflowExecutionDescription> Schedule(int revision) => client.GetWorkflowHandle(FlowScheduler.WorkflowId("default", "tick", revision)).DescribeAsync();

        await Until(async () => await TryAsync(() => Schedule(1)) is { CloseTime: null });
        var first = await Schedule(1);
        await server.Http.ApplyAsync("default/tick", Scheduled + "\n# a comment\n");
        await server.RestartAsync();
        client = server.Server.Services.GetRequiredService<ITemporalClient>();
        scheduler = server.Server.Services.GetRequiredService<FlowScheduler>();
        await scheduler.SettleAsync(default);
        Assert.Equal(first.RunId, (await Schedule(1)).RunId);

        await server.Http.ApplyAsync("default/tick", Scheduled.Replace("days: 1", "days: 2", StringComparison.Ordinal));
        await Until(async () => await TryAsync(() => Schedule(2)) is { CloseTime: null } && (await Schedule(1)).CloseTime is not null);

        await server.Http.CallAsync(HttpMethod.Delete, "flows/default/tick");
        await Until(async () => (await Schedule(2)).CloseTime is not null);
    }

    private static async Task<T?> TryAsync<T>(Func<Task<T>> act)
        where T : class
    {
        try
        {
            return await act();
        }
        catch (Temporalio.Exceptions.RpcException)
        {
            return null;
        }
    }

    private static async Task Until(Func<Task<bool>> isSo)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await isSo())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
