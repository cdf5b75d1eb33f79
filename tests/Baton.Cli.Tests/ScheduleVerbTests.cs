namespace Baton.Cli.Tests;

public sealed class ScheduleVerbTests(RunningServer server)
{
    private readonly string id = $"schedule-{Guid.NewGuid():N}";

    [Fact]
    public async Task A_schedule_is_created_changed_triggered_and_deleted()
    {
        (await server.RunAsync([.. Verb("create"), "--cron", "0 12 * * *", "--time-zone", "Europe/Berlin", "--paused", "--notes", "lunch", .. Action])).Expect(0);
        var created = (await server.RunAsync([.. Verb("describe"), "--json"])).Expect(0).Json["schedule"]!;
        Assert.Equal(("lunch", true), ((string?)created["state"]!["notes"], (bool?)created["state"]!["paused"]));

        (await server.RunAsync([.. Verb("toggle"), "--unpause", "--reason", "hungry"])).Expect(0);
        (await server.RunAsync([.. Verb("trigger"), "--overlap-policy", "AllowAll"])).Expect(0);
        var described = await server.RunAsync([.. Verb("describe"), "--json"]);
        for (var tries = 0; described.Json["info"]!["recentActions"] is null && tries < 100; tries++)
        {
            described = await server.RunAsync([.. Verb("describe"), "--json"]);
        }
        Assert.NotNull(described.Json["info"]!["recentActions"]);
        Assert.Contains("actions taken", (await server.RunAsync(Verb("describe"))).Expect(0).Out, StringComparison.Ordinal);

        (await server.RunAsync([.. Verb("update"), "--interval", "1h/10m", .. Action])).Expect(0);
        Assert.Equal("3600s", (string?)(await server.RunAsync([.. Verb("describe"), "--json"])).Expect(0).Json["schedule"]!["spec"]!["interval"]![0]!["interval"]);

        (await server.RunAsync([.. Verb("backfill"), "--start-time", "2026-01-01T00:00:00Z", "--end-time", "2026-01-01T02:00:00Z"])).Expect(0);
        (await server.RunAsync(Verb("delete"))).Expect(0);
        (await server.RunAsync(Verb("describe"))).Expect(4);
    }

    [Fact]
    public async Task Lists_what_there_is()
    {
        (await server.RunAsync([.. Verb("create"), "--calendar", """{"dayOfWeek":"Fri","hour":"17"}""", .. Action])).Expect(0);

        var list = (await server.RunAsync("schedule", "list", "--json")).Expect(0);

        Assert.Contains(list.Json.AsArray(), schedule => (string?)schedule!["scheduleId"] == id);
        Assert.Contains(id, (await server.RunAsync("schedule", "list")).Expect(0).Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--interval", "soon")]
    [InlineData("--interval", "1h/10m/3s")]
    [InlineData("--calendar", "{\"weekday\":\"Fri\"}")]
    [InlineData("--cron", "not a cron")]
    public async Task A_wrong_spec_is_named(string option, string value) =>
        Assert.Contains("BT1006", (await server.RunAsync([.. Verb("create"), option, value, .. Action])).Expect(2).Error, StringComparison.Ordinal);

    private static string[] Action => ["--type", "ShippingWorkflow", "--task-queue", RunningServer.TaskQueue, "--input", "\"ada\"", "-w", $"scheduled-{Guid.NewGuid():N}"];

    private string[] Verb(string verb) => ["schedule", verb, "--schedule-id", id];
}
