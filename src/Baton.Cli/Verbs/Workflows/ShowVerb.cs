using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Runs;
using Temporalio.Api.Common.V1;
using Temporalio.Api.History.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow show`: the history of a run, as a timeline or as Temporal's history JSON.</summary>
internal static class ShowVerb
{
    public static Command Create(ClientOptions client)
    {
        var follow = new Option<bool>("--follow", "-f") { Description = "Print events as they happen until the workflow closes." };
        var detailed = new Option<bool>("--detailed") { Description = "Show workflow tasks, and all attributes of each event." };
        var command = new Command("show", "Show the history of a workflow as a timeline.") { follow, detailed };
        var reference = new WorkflowReference();
        reference.AddTo(command);
        client.SetAction(command, call =>
        {
            var execution = reference.Read(call.Parsed);
            return call.Get(follow)
                ? FollowAsync(call, execution, call.Get(detailed))
                : ShowAsync(call, execution, call.Get(detailed));
        });
        return command;
    }

    private static async Task<int> ShowAsync(ServerCall call, WorkflowExecution execution, bool detailed)
    {
        var events = await HistoryReader.ReadAsync(call, execution, wait: false).ToListAsync(call.Cancel);
        if (call.Console.Format == OutputFormat.Jsonl)
        {
            call.Console.JsonList(events.Select(ProtoJson.ToJson));
        }
        else if (call.Console.IsJson)
        {
            // The form that SDK replayers read: payloads stay as they are.
            call.Console.Json(JsonNode.Parse(Google.Protobuf.JsonFormatter.Default.Format(new History { Events = { events } })));
        }
        else
        {
            TimelineView.Draw(call.Console, execution.WorkflowId, Timeline.Of(events), detailed);
        }
        return ExitCodes.Success;
    }

    /// <summary>Follows the chain of runs to its end; the exit code tells how it closed.</summary>
    private static async Task<int> FollowAsync(ServerCall call, WorkflowExecution execution, bool detailed)
    {
        var run = execution.Clone();
        while (true)
        {
            var timeline = new Timeline();
            HistoryEvent? last = null;
            await foreach (var historyEvent in HistoryReader.ReadAsync(call, run, wait: true))
            {
                last = historyEvent;
                var step = timeline.Add(historyEvent);
                if (call.Console.IsJson)
                {
                    call.Console.Json(ProtoJson.ToJson(historyEvent));
                }
                else
                {
                    TimelineView.Follow(call.Console, timeline, step, detailed);
                }
            }
            if (last is not null && WorkflowOutcome.NextRun(last) is { } next)
            {
                run.RunId = next;
                continue;
            }
            return last?.AttributesCase == HistoryEvent.AttributesOneofCase.WorkflowExecutionCompletedEventAttributes
                ? ExitCodes.Success
                : ExitCodes.NotCompleted;
        }
    }
}
