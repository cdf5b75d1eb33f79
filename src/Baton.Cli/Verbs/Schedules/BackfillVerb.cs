using System.CommandLine;
using Baton.Cli.Options;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Schedule.V1;

namespace Baton.Cli.Verbs.Schedules;

/// <summary>`baton schedule backfill`</summary>
internal static class BackfillVerb
{
    public static Command Create(ClientOptions client)
    {
        var id = ScheduleNoun.ScheduleId();
        var start = Values.Time("--start-time", "Begin of the time to make up for.");
        var end = Values.Time("--end-time", "End of the time to make up for.");
        start.Required = true;
        end.Required = true;
        var overlap = ScheduleNoun.OverlapPolicy();
        var command = new Command("backfill", "Take the actions that a schedule would have taken in a time.") { id, start, end, overlap };
        client.SetAction(command, async call =>
        {
            await call.Service.PatchScheduleAsync(
                new()
                {
                    Namespace = call.Namespace,
                    ScheduleId = call.Require(id),
                    Patch = new SchedulePatch
                    {
                        BackfillRequest =
                        {
                            new BackfillRequest
                            {
                                StartTime = Timestamp.FromDateTimeOffset(call.Get(start)!.Value),
                                EndTime = Timestamp.FromDateTimeOffset(call.Get(end)!.Value),
                                OverlapPolicy = call.Get(overlap) ?? ScheduleOverlapPolicy.Unspecified,
                            },
                        },
                    },
                    Identity = call.Identity,
                    RequestId = Guid.NewGuid().ToString(),
                },
                call.Rpc);
            call.Console.Note($"{call.Require(id)}: backfill requested");
        });
        return command;
    }
}
