using Baton.Durable.Tests.Storage;
using Temporalio.Api.Rules.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.Control;

public sealed class WorkflowRuleTests
{
    [Fact]
    public async Task A_rule_pauses_the_activities_that_it_selects_when_they_are_about_to_start()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await CreateAsync(raw, Rule("slow", "ActivityType = 'Slow' AND ActivityAttempt >= 1", "WorkflowType = 'A'"));
        await raw.StartWithActivitiesAsync("w", RawWorkflow.Activity("slow", "Slow"), RawWorkflow.Activity("quick", "Quick"));
        Assert.Equal("quick", (await raw.PollActivityAsync()).ActivityId);

        var paused = (await raw.DescribeAsync("w")).PendingActivities.Single(activity => activity.ActivityId == "slow");
        Assert.True(paused.Paused);
        Assert.Equal(("slow", "ops", "look first"), (paused.PauseInfo.Rule.RuleId, paused.PauseInfo.Rule.Identity, paused.PauseInfo.Rule.Reason));

        await raw.Service.DeleteWorkflowRuleAsync(new() { Namespace = "default", RuleId = "slow" });
        await raw.Service.UnpauseActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, Id = "slow" });
        Assert.Equal("slow", (await raw.PollActivityAsync()).ActivityId);
    }

    [Fact]
    public async Task A_rule_is_applied_to_what_is_pending_when_it_is_triggered_or_made_with_a_scan()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartWithActivitiesAsync("one", RawWorkflow.Activity("a"));
        await raw.StartWithActivitiesAsync("two", RawWorkflow.Activity("b"));
        var trigger = new TriggerWorkflowRuleRequest { Namespace = "default", Execution = new() { WorkflowId = "one" }, Spec = Rule("given", "ActivityId = 'b'", "") };
        Assert.False((await raw.Service.TriggerWorkflowRuleAsync(trigger)).Applied);
        trigger.Spec.ActivityStart.Predicate = "ActivityId = 'a'";
        Assert.True((await raw.Service.TriggerWorkflowRuleAsync(trigger)).Applied);
        Assert.True(Assert.Single((await raw.DescribeAsync("one")).PendingActivities).Paused);

        Assert.False(Assert.Single((await raw.DescribeAsync("two")).PendingActivities).Paused);
        await CreateAsync(raw, Rule("scan", "", "WorkflowId = 'two'"), scan: true);
        Assert.True(Assert.Single((await raw.DescribeAsync("two")).PendingActivities).Paused);
    }

    [Fact]
    public async Task Rules_are_kept_and_listed_and_wrong_ones_refused()
    {
        using var folder = new TempDirectory();
        var options = new DurableServerOptions { DatabasePath = folder.File("rules.db") };
        await using (var server = await DurableServer.StartAsync(options))
        {
            await CreateAsync(await RawWorkflow.ConnectAsync(server), Rule("kept", "ActivityType = 'T'", ""));
        }

        await using (var server = await DurableServer.StartAsync(options))
        {
            var raw = await RawWorkflow.ConnectAsync(server);
            Assert.Equal("kept", Assert.Single((await raw.Service.ListWorkflowRulesAsync(new() { Namespace = "default" })).Rules).Spec.Id);
            Assert.Equal("ops", (await raw.Service.DescribeWorkflowRuleAsync(new() { Namespace = "default", RuleId = "kept" })).Rule.CreatedByIdentity);
            await RefusedAsync(RpcException.StatusCode.InvalidArgument, () => CreateAsync(raw, Rule("kept", "", "")));
            await RefusedAsync(RpcException.StatusCode.InvalidArgument, () => CreateAsync(raw, Rule("broken", "ActivityType =", "")));
            await RefusedAsync(RpcException.StatusCode.InvalidArgument, () => CreateAsync(raw, Rule("unknown", "", "Nowhere = 1")));
            await RefusedAsync(RpcException.StatusCode.InvalidArgument, () => CreateAsync(raw, new WorkflowRuleSpec { Id = "empty" }));
            await RefusedAsync(RpcException.StatusCode.NotFound, () => raw.Service.DeleteWorkflowRuleAsync(new() { Namespace = "default", RuleId = "none" }));
        }
    }

    private static async Task RefusedAsync(RpcException.StatusCode code, Func<Task> call) => Assert.Equal(code, (await Assert.ThrowsAsync<RpcException>(call)).Code);

    private static Task CreateAsync(RawWorkflow raw, WorkflowRuleSpec spec, bool scan = false) =>
        raw.Service.CreateWorkflowRuleAsync(new() { Namespace = "default", Spec = spec, Identity = "ops", Description = "look first", ForceScan = scan });

    private static WorkflowRuleSpec Rule(string id, string predicate, string query) => new()
    {
        Id = id,
        ActivityStart = new() { Predicate = predicate },
        VisibilityQuery = query,
        Actions = { new WorkflowRuleAction { ActivityPause = new() } },
    };
}
