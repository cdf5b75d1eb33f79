using System.CommandLine;
using System.Runtime.CompilerServices;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Runs;
using Google.Protobuf;
using Temporalio.Api.Schedule.V1;

namespace Baton.Cli.Verbs.Schedules;

/// <summary>`baton schedule list`</summary>
internal static class ListVerb
{
    public static Command Create(ClientOptions client)
    {
        var query = new Option<string?>("--query", "-q") { Description = "Visibility query." };
        var command = new Command("list", "List schedules.") { query };
        client.SetAction(command, async call =>
        {
            var schedules = await ReadAsync(call, call.Get(query) ?? "").ToListAsync(call.Cancel);
            if (call.Console.IsJson)
            {
                call.Console.JsonList(schedules.Select(ProtoJson.ToJson));
                return;
            }
            call.Console.Table(
                ["SCHEDULE ID", "TYPE", "STATE", "NEXT", "LAST"],
                schedules.Select(schedule => new[]
                {
                    schedule.ScheduleId,
                    schedule.Info?.WorkflowType?.Name ?? "",
                    schedule.Info?.Paused == true ? "paused" : "active",
                    Format.Time(schedule.Info?.FutureActionTimes.FirstOrDefault()),
                    Format.Time(schedule.Info?.RecentActions.LastOrDefault()?.ActualTime),
                }));
        });
        return command;
    }

    private static async IAsyncEnumerable<ScheduleListEntry> ReadAsync(
        ServerCall call, string query, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        var token = ByteString.Empty;
        do
        {
            cancel.ThrowIfCancellationRequested();
            var page = await call.Service.ListSchedulesAsync(
                new() { Namespace = call.Namespace, Query = query, NextPageToken = token }, call.Rpc);
            foreach (var schedule in page.Schedules)
            {
                yield return schedule;
            }
            token = page.NextPageToken;
        }
        while (!token.IsEmpty);
    }
}
