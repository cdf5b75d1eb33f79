using System.Net;
using System.Text.RegularExpressions;
using Baton.Server.Events.Log;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tests.Telemetry;

public sealed partial class HealthTests(PostgresServer postgres)
{
    [Fact]
    public async Task A_server_that_is_up_is_live_and_ready_to_everybody()
    {
        await using var server = await TestServer.StartAsync();
        using var nobody = server.As(null);

        Assert.Equal("""{"status":"healthy","checks":{}}""", await nobody.GetStringAsync("health/live"));
        Assert.Equal("""{"status":"healthy","checks":{"records":"healthy","durable":"healthy","events":"healthy"}}""", await nobody.GetStringAsync("health/ready"));
    }

    [Fact]
    public async Task A_server_that_lost_its_database_is_live_but_not_ready()
    {
        await using var server = await TestServer.StartAsync(("Database:Postgres", await postgres.CreateDatabaseAsync()));
        await using (var db = server.Db())
        {
            await db.Database.EnsureDeletedAsync();
        }
        using var nobody = server.As(null);

        using var live = await nobody.GetAsync("health/live");
        using var ready = await nobody.GetAsync("health/ready");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable), (live.StatusCode, ready.StatusCode));
        Assert.Equal("""{"status":"unhealthy","checks":{"records":"unhealthy","durable":"healthy","events":"healthy"}}""", await ready.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task The_lag_of_each_consumer_of_events_is_measured()
    {
        await using var server = await TestServer.StartAsync(("Http:RequestsPerSecond", "0"));
        await using var consumer = await server.Server.Services.GetRequiredService<IEventLog>().ConsumeAsync(new("idle"), default);
        await server.Http.PostAsync("events", """[{"specversion":"1.0","id":"1","source":"/a","type":"t"},{"specversion":"1.0","id":"2","source":"/a","type":"t"}]""");
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        string text;
        do
        {
            // It is counted now and then.
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
            text = await server.Http.GetStringAsync("metrics");
            Assert.False(limit.IsCancellationRequested, text);
        }
        while (!LagOfIdle().IsMatch(text));
        Assert.Matches(new Regex("baton_events_lag{[^}]*baton_consumer=\"baton-flows\"[^}]*} 0\\b"), text);
    }

    [Fact]
    public async Task What_is_measured_can_be_scraped_with_the_permission()
    {
        await using var server = await TestServer.StartAsync();
        using var nobody = server.As(null);
        await server.Http.GetAsync("api/v1/processes");

        using var refused = await nobody.GetAsync("metrics");
        var text = await server.Http.GetStringAsync("metrics");

        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Matches(new Regex("http_server_request_duration_seconds_count{[^}]*http_route=\"/api/v1/processes\"[^}]*} [1-9]"), text);
        Assert.Contains("# TYPE dotnet_process_memory_working_set_bytes", text, StringComparison.Ordinal);
    }

    [GeneratedRegex("baton_events_lag{[^}]*baton_consumer=\"idle\"[^}]*} 2\\b")]
    private static partial Regex LagOfIdle();
}
