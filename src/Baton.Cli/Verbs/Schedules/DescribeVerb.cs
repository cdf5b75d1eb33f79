using System.CommandLine;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Runs;

namespace Baton.Cli.Verbs.Schedules;

/// <summary>`baton schedule describe`</summary>
internal static class DescribeVerb
{
    public static Command Create(ClientOptions client)
    {
        var id = ScheduleNoun.ScheduleId();
        var command = new Command("describe", "Show a schedule: when it acts next, and what it did last.") { id };
        client.SetAction(command, async call =>
        {
            var response = await call.Service.DescribeScheduleAsync(
                new() { Namespace = call.Namespace, ScheduleId = call.Require(id) }, call.Rpc);
            if (call.Console.IsJson)
            {
                call.Console.Json(ProtoJson.ToJson(response));
                return;
            }
            var (schedule, info) = (response.Schedule, response.Info);
            call.Console.Fields(
                ("schedule id", call.Require(id)),
                ("state", schedule.State?.Paused == true ? "paused" : "active"),
                ("notes", schedule.State?.Notes),
                ("starts", schedule.Action?.StartWorkflow?.WorkflowType?.Name),
                ("task queue", schedule.Action?.StartWorkflow?.TaskQueue?.Name),
                ("spec", schedule.Spec is { } spec ? ProtoJson.ToJson(spec).ToText() : null),
                ("overlap policy", schedule.Policies is { } policies ? Format.Words(policies.OverlapPolicy) : null),
                ("remaining actions", schedule.State?.LimitedActions == true ? $"{schedule.State.RemainingActions}" : null),
                ("actions taken", $"{info?.ActionCount ?? 0}"),
                ("missed, skipped", $"{info?.MissedCatchupWindow ?? 0}, {info?.OverlapSkipped ?? 0}"),
                ("running", string.Join(", ", (info?.RunningWorkflows ?? []).Select(workflow => workflow.WorkflowId))),
                ("next", string.Join(", ", (info?.FutureActionTimes ?? []).Take(3).Select(Format.Time))));
            if (info?.RecentActions.Count > 0)
            {
                call.Console.Line("\nrecent actions");
                call.Console.Table(
                    ["  SCHEDULED", "STARTED", "WORKFLOW ID"],
                    info.RecentActions.Select(action => new[]
                    {
                        $"  {Format.Time(action.ScheduleTime)}",
                        Format.Time(action.ActualTime),
                        action.StartWorkflowResult?.WorkflowId ?? "",
                    }));
            }
        });
        return command;
    }
}
