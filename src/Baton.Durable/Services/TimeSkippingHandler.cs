using System.Diagnostics;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Hosting;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Waits until the time of a workflow has been put forward as far as a client asked.</summary>
internal sealed class TimeSkippingHandler(DurableEngine engine) : HandlerBase(engine)
{
    public async Task<PollWorkflowExecutionTimeSkippingResponse> PollWorkflowExecutionTimeSkipping(PollWorkflowExecutionTimeSkippingRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.WorkflowExecution);
        if (request.FastForwardId.Length == 0)
        {
            throw ServiceErrors.InvalidArgument("FastForwardId is not set on request.");
        }

        var (begun, limit) = (Stopwatch.GetTimestamp(), LongPolls.Limit(call, Limits.LongWait));
        var look = await Engine.Run(step => Look(FindRun(step, space, request.WorkflowExecution), request.FastForwardId));
        var target = look.Response.FastForwardInfo?.TargetTime;
        while (look.Response.FastForwardPollingResult == FastForwardPollingResult.PollTimeout && limit - Stopwatch.GetElapsedTime(begun) is { Ticks: > 0 } left)
        {
            if (look.NextRunId.Length == 0)
            {
                await WaitForEventAsync(look, left);
            }

            look = await Engine.Run(step => Look(Find(step, look.NextRunId.Length > 0 ? look.NextRunId : look.RunId), request.FastForwardId));
            if (look.Response.FastForwardInfo is { } info && info.FastForwardId == request.FastForwardId && !info.TargetTime.Equals(target))
            {
                return Failed(info, "the fast-forward was reset");
            }
        }

        return look.Response;

        WorkflowRun Find(Step step, string runId) => FindRun(step, space, new WorkflowExecution { WorkflowId = request.WorkflowExecution.WorkflowId, RunId = runId });

        Task<HistoryPosition> WaitForEventAsync(Sight last, TimeSpan left) => Engine.Wait<HistoryPosition>(
            (step, reply) =>
            {
                var run = Find(step, last.RunId);
                run.HistoryWaiters.Add(new HistoryWaiter(CloseOnly: false, last.NextEventId, reply));
                run.NotifyHistory(step);
            },
            (step, reply) =>
            {
                var run = Find(step, last.RunId);
                run.HistoryWaiters.RemoveAll(waiter => waiter.Reply == reply);
                reply.Set(step, HistoryPosition.Of(run));
            },
            left,
            call.CancellationToken);
    }

    private static Sight Look(WorkflowRun run, string id)
    {
        var info = TimeSkipping.FastForward(run);
        var response = info is null || info.FastForwardId != id ? Failed(info, "the requested fast_forward_id does not match the execution's current fast-forward")
            : info.HasCompleted ? new() { FastForwardPollingResult = FastForwardPollingResult.FastForwardCompleted, FastForwardInfo = info }
            : !run.IsRunning && run.S.NewRunId.Length == 0 ? Failed(info, "the execution ended before the fast-forward completed")
            : !run.S.TimeSkipping.Enabled ? Failed(info, "time skipping was disabled before the fast-forward completed")
            : new() { FastForwardPollingResult = FastForwardPollingResult.PollTimeout, FastForwardInfo = info };
        return new Sight(response, run.RunId, run.IsRunning ? "" : run.S.NewRunId, run.NextEventId);
    }

    private static PollWorkflowExecutionTimeSkippingResponse Failed(TimeSkippingFastForwardInfo? info, string reason) =>
        new() { FastForwardPollingResult = FastForwardPollingResult.FastForwardFailed, FailedReason = reason, FastForwardInfo = info };

    /// <param name="NextRunId">Of the run that goes on in the place of this closed one.</param>
    private sealed record Sight(PollWorkflowExecutionTimeSkippingResponse Response, string RunId, string NextRunId, long NextEventId);
}
