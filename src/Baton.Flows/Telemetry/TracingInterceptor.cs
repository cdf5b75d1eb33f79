using System.Diagnostics;
using Temporalio.Activities;
using Temporalio.Api.Common.V1;
using Temporalio.Client;
using Temporalio.Client.Interceptors;
using Temporalio.Exceptions;
using Temporalio.Worker.Interceptors;
using Temporalio.Workflows;

namespace Baton.Flows.Telemetry;

/// <summary>
/// Carries the trace through durable execution. Given to a client, it serves the client's workers as well. Span names,
/// attributes and the header are those of the official SDKs' interceptors, so that workers in any language join in.
/// <list type="bullet">
/// <item>Client: a span for each start, signal and update, whose context travels in the header.</item>
/// <item>Workflow: one span for the run, one for each handled signal or update; see <see cref="DerivedSpan"/>.</item>
/// <item>Activity: a span for each attempt, within which the activity's own calls are made.</item>
/// </list>
/// </summary>
/// <param name="sampling">Share of runs that are traced of those started without a trace, 0 to 1. All others follow who started them.</param>
public sealed class TracingInterceptor(double sampling = 1) : IClientInterceptor, IWorkerInterceptor
{
    public ClientOutboundInterceptor InterceptClient(ClientOutboundInterceptor nextInterceptor) => new ClientCalls(nextInterceptor);

    public WorkflowInboundInterceptor InterceptWorkflow(WorkflowInboundInterceptor nextInterceptor) => new WorkflowHandling(nextInterceptor, sampling);

    public ActivityInboundInterceptor InterceptActivity(ActivityInboundInterceptor nextInterceptor) => new ActivityAttempts(nextInterceptor);

    private sealed class ClientCalls(ClientOutboundInterceptor next) : ClientOutboundInterceptor(next)
    {
        public override Task<WorkflowHandle<TWorkflow, TResult>> StartWorkflowAsync<TWorkflow, TResult>(StartWorkflowInput input) => CallAsync(
            input.Options.StartSignal is { } signal ? $"SignalWithStartWorkflow:{signal}" : $"StartWorkflow:{input.Workflow}", input.Options.Id,
            input.Headers, headers => base.StartWorkflowAsync<TWorkflow, TResult>(input with { Headers = headers }));

        public override Task SignalWorkflowAsync(SignalWorkflowInput input) => CallAsync($"SignalWorkflow:{input.Signal}", input.Id, input.Headers, async headers =>
        {
            await base.SignalWorkflowAsync(input with { Headers = headers });
            return true;
        });

        public override Task<WorkflowUpdateHandle<TResult>> StartWorkflowUpdateAsync<TResult>(StartWorkflowUpdateInput input) => CallAsync(
            $"UpdateWorkflow:{input.Update}", input.Id, input.Headers, headers => base.StartWorkflowUpdateAsync<TResult>(input with { Headers = headers }));

        public override Task<ActivityHandle<TResult>> StartActivityAsync<TResult>(StartActivityInput input) => CallAsync(
            $"StartActivity:{input.Activity}", null, input.Headers, headers => base.StartActivityAsync<TResult>(input with { Headers = headers }));

        private static async Task<T> CallAsync<T>(string name, string? workflow, IDictionary<string, Payload>? headers, Func<IDictionary<string, Payload>?, Task<T>> call)
        {
            using var span = FlowTelemetry.Source.StartActivity(name, ActivityKind.Client);
            span?.SetTag("temporalWorkflowID", workflow);
            try
            {
                return await call((span ?? Activity.Current) is { } current ? TraceHeaders.With(headers, current.Context) : headers);
            }
            catch (Exception error)
            {
                span?.SetStatus(ActivityStatusCode.Error, error.Message);
                throw;
            }
        }
    }

    private sealed class WorkflowHandling(WorkflowInboundInterceptor next, double sampling) : WorkflowInboundInterceptor(next)
    {
        private WorkflowTrace? trace;

        // Made by whatever comes first, a signal may come before the run itself.
        private WorkflowTrace Trace => trace ??= new(sampling);

        public override void Init(WorkflowOutboundInterceptor outbound) => base.Init(new WorkflowCalls(outbound));

        public override Task<object?> ExecuteWorkflowAsync(ExecuteWorkflowInput input) => Trace.FollowAsync(() => base.ExecuteWorkflowAsync(input));

        // A signal has no id; the place in the history where it is handled is the same on every replay.
        public override Task HandleSignalAsync(HandleSignalInput input) => Trace.HandleAsync(
            "HandleSignal", input.Signal, $"{input.Signal}\n{Workflow.CurrentHistoryLength}", TraceHeaders.Read(input.Headers), async () =>
            {
                await base.HandleSignalAsync(input);
                return true;
            });

        public override Task<object?> HandleUpdateAsync(HandleUpdateInput input) =>
            Trace.HandleAsync("HandleUpdate", input.Update, input.Id, TraceHeaders.Read(input.Headers), () => base.HandleUpdateAsync(input));
    }

    private sealed class WorkflowCalls(WorkflowOutboundInterceptor next) : WorkflowOutboundInterceptor(next)
    {
        public override Task<TResult> ScheduleActivityAsync<TResult>(ScheduleActivityInput input) =>
            base.ScheduleActivityAsync<TResult>(input with { Headers = Carry(input.Headers) });

        public override Task<TResult> ScheduleLocalActivityAsync<TResult>(ScheduleLocalActivityInput input) =>
            base.ScheduleLocalActivityAsync<TResult>(input with { Headers = Carry(input.Headers) });

        public override Task<ChildWorkflowHandle<TWorkflow, TResult>> StartChildWorkflowAsync<TWorkflow, TResult>(StartChildWorkflowInput input) =>
            base.StartChildWorkflowAsync<TWorkflow, TResult>(input with { Headers = Carry(input.Headers) });

        public override Task SignalChildWorkflowAsync(SignalChildWorkflowInput input) => base.SignalChildWorkflowAsync(input with { Headers = Carry(input.Headers) });

        public override Task SignalExternalWorkflowAsync(SignalExternalWorkflowInput input) =>
            base.SignalExternalWorkflowAsync(input with { Headers = Carry(input.Headers) });

        /// <summary>The next run stands beside this one, under what started the first.</summary>
        public override ContinueAsNewException CreateContinueAsNewException(CreateContinueAsNewExceptionInput input) =>
            base.CreateContinueAsNewException(WorkflowTrace.Current is { } trace ? input with { Headers = TraceHeaders.With(input.Headers, trace.Parent ?? trace.Run) } : input);

        private static IDictionary<string, Payload>? Carry(IDictionary<string, Payload>? headers) =>
            WorkflowTrace.Current is { } trace ? TraceHeaders.With(headers, trace.Innermost) : headers;
    }

    private sealed class ActivityAttempts(ActivityInboundInterceptor next) : ActivityInboundInterceptor(next)
    {
        public override async Task<object?> ExecuteActivityAsync(ExecuteActivityInput input)
        {
            var info = ActivityExecutionContext.Current.Info;
            var parent = TraceHeaders.Read(input.Headers);
            // A worker thread may still carry the context of what it did before.
            Activity.Current = null;
            using var span = FlowTelemetry.Source.StartActivity(
                $"RunActivity:{info.ActivityType}", ActivityKind.Server, parent ?? default,
                [
                    new("temporalWorkflowID", info.WorkflowId), new("temporalRunID", info.WorkflowRunId), new("temporalActivityID", info.ActivityId),
                    new("temporal.attempt", info.Attempt),
                ]);
            var start = Stopwatch.GetTimestamp();
            var outcome = "completed";
            try
            {
                return await base.ExecuteActivityAsync(input);
            }
            catch (Exception error)
            {
                outcome = error is CompleteAsyncException ? "asynchronous" : TemporalException.IsCanceledException(error) || error is OperationCanceledException ? "cancelled" : "failed";
                if (outcome == "failed")
                {
                    span?.SetStatus(ActivityStatusCode.Error, error.Message);
                    span?.AddException(error);
                }
                throw;
            }
            finally
            {
                span?.SetTag("baton.outcome", outcome);
                FlowTelemetry.AttemptEnded(info.ActivityType, outcome, Stopwatch.GetElapsedTime(start));
            }
        }
    }
}
