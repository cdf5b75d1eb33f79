using Baton.Durable.State;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Schedules;

/// <summary>What the overlap policies make of the starts that wait.</summary>
/// <param name="Overlapping">Start at once, whatever runs.</param>
/// <param name="Next">The one to start now where nothing runs, or null.</param>
/// <param name="Waiting">Stay in the buffer until what runs has closed.</param>
internal sealed record OverlapOutcome(
    IReadOnlyList<PendingStart> Overlapping, PendingStart? Next, IReadOnlyList<PendingStart> Waiting, bool CancelRunning, bool TerminateRunning, int Skipped);

internal static class ScheduleOverlap
{
    /// <param name="fallback">The schedule's own policy, for starts without one. It is looked up now so that an update has effect on what waits.</param>
    public static OverlapOutcome Resolve(IEnumerable<PendingStart> buffer, bool isRunning, ScheduleOverlapPolicy fallback)
    {
        List<PendingStart> overlapping = [];
        List<PendingStart> waiting = [];
        PendingStart? next = null;
        var (cancel, terminate, skipped) = (false, false, 0);
        foreach (var start in buffer)
        {
            var policy = PolicyOf(start, fallback);
            if (policy == ScheduleOverlapPolicy.AllowAll)
            {
                overlapping.Add(start);
            }
            else if (!isRunning && next is null)
            {
                next = start;
            }
            else if (policy == ScheduleOverlapPolicy.BufferAll || (policy == ScheduleOverlapPolicy.BufferOne && waiting.Count == 0))
            {
                waiting.Add(start);
            }
            else if (policy is ScheduleOverlapPolicy.CancelOther or ScheduleOverlapPolicy.TerminateOther)
            {
                if (isRunning)
                {
                    cancel |= policy == ScheduleOverlapPolicy.CancelOther;
                    terminate |= policy == ScheduleOverlapPolicy.TerminateOther;
                    waiting.Add(start);
                }
                else
                {
                    // What it would stop has not even begun: it takes its place.
                    next = start;
                }
            }
            else
            {
                skipped++;
            }
        }
        return new(overlapping, next, waiting, cancel && !terminate, terminate, skipped);
    }

    public static ScheduleOverlapPolicy PolicyOf(PendingStart start, ScheduleOverlapPolicy fallback) =>
        start.OverlapPolicy != 0 ? (ScheduleOverlapPolicy)start.OverlapPolicy
        : fallback != ScheduleOverlapPolicy.Unspecified ? fallback
        : ScheduleOverlapPolicy.Skip;
}
