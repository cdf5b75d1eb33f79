using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Baton.Durable.Standalone;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Activities;

/// <summary>Standalone activities: starts, waits for, describes, lists, cancels, terminates and deletes them.</summary>
internal sealed class StandaloneActivityHandler(DurableEngine engine) : StandaloneHandlerBase(engine)
{
    public Task<StartActivityExecutionResponse> StartActivityExecution(StartActivityExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        if (request.RequestId.Length == 0)
        {
            request.RequestId = Guid.NewGuid().ToString("D");
        }

        StartStandaloneActivity.Require(request, space, Limits);
        return Engine.Run(step =>
        {
            if (StartStandaloneActivity.FindExisting(step, space, request) is { } existing)
            {
                if (request.OnConflictOptions is { } options)
                {
                    StandaloneStart.Attach(
                        step,
                        existing,
                        request.RequestId,
                        options.AttachRequestId,
                        options.AttachCompletionCallbacks ? request.CompletionCallbacks : null,
                        options.AttachLinks ? request.Links : null);
                }

                return new StartActivityExecutionResponse { RunId = existing.RunId, Started = existing.S.StartRequestId == request.RequestId, Link = existing.Link };
            }

            var activity = StartStandaloneActivity.Apply(step, space, request);
            var response = new StartActivityExecutionResponse { RunId = activity.RunId, Started = true, Link = activity.Link };
            if (request.RequestEagerExecution && activity.S.StartDelay == 0)
            {
                activity.Activity.Eager = true;
                response.EagerActivityTask = StartActivity.Apply(step, activity, request.Identity, workerInstance: "");
            }

            return response;
        });
    }

    public async Task<DescribeActivityExecutionResponse> DescribeActivityExecution(DescribeActivityExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireTarget(request.ActivityId, request.RunId, "ActivityId");
        if (!request.LongPollToken.IsEmpty)
        {
            if (request.RunId.Length == 0)
            {
                throw ServiceErrors.InvalidArgument("run id is required when long poll token is provided");
            }

            if (!await WaitForNewsAsync(request.LongPollToken, call, step => StandaloneActivity.Find(step, space, request.ActivityId, request.RunId)))
            {
                return new DescribeActivityExecutionResponse();
            }
        }

        return await Engine.Run(step => StandaloneActivityDescriptions.Describe(StandaloneActivity.Find(step, space, request.ActivityId, request.RunId), request));
    }

    public async Task<PollActivityExecutionResponse> PollActivityExecution(PollActivityExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireTarget(request.ActivityId, request.RunId, "ActivityId");

        // The run is fixed when the wait begins: one that follows it under its id is another activity.
        var runId = request.RunId.Length > 0 ? request.RunId : await Engine.Run(step => StandaloneActivity.Find(step, space, request.ActivityId, "").RunId);
        if (!await WaitAsync(call, step => StandaloneActivity.Find(step, space, request.ActivityId, runId), static activity => !activity.IsRunning))
        {
            return new PollActivityExecutionResponse();
        }

        return await Engine.Run(step =>
        {
            var activity = StandaloneActivity.Find(step, space, request.ActivityId, runId);
            return new PollActivityExecutionResponse
            {
                RunId = activity.RunId,
                Outcome = activity.Outcome,
                PropagatedNexusSerializationContext = activity.SerializationContext,
            };
        });
    }

    public Task<ListActivityExecutionsResponse> ListActivityExecutions(ListActivityExecutionsRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var page = Visible.List(Engine, EntityKind.Activity, space, request.Query, request.PageSize is <= 0 or > MaxPage ? MaxPage : request.PageSize, request.NextPageToken);
        var response = new ListActivityExecutionsResponse { NextPageToken = ByteString.CopyFrom(page.Next.Span) };
        response.Executions.AddRange(page.Records.Select(StandaloneActivityDescriptions.ListInfo));
        return Task.FromResult(response);
    }

    public Task<CountActivityExecutionsResponse> CountActivityExecutions(CountActivityExecutionsRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var query = Visible.Parse(request.Query, space, EntityKind.Activity);
        var response = new CountActivityExecutionsResponse();
        response.Count = Visible.Count(
            Engine, EntityKind.Activity, space, query, (count, values) => response.Groups.Add(new CountActivityExecutionsResponse.Types.AggregationGroup { Count = count, GroupValues = { values } }));
        return Task.FromResult(response);
    }

    public Task<RequestCancelActivityExecutionResponse> RequestCancelActivityExecution(RequestCancelActivityExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireTarget(request.ActivityId, request.RunId, "ActivityId");
        RequireBlob(new Payload { Data = ByteString.CopyFromUtf8(request.Reason) }, "Reason");
        return Engine.Run(step =>
        {
            var activity = StandaloneActivity.Find(step, space, request.ActivityId, request.RunId);
            if (activity.Activity.CancelRequested)
            {
                return activity.S.CancelRequestId == request.RequestId
                    ? new RequestCancelActivityExecutionResponse()
                    : throw ServiceErrors.FailedPrecondition($"cancellation already requested with request ID {activity.S.CancelRequestId}");
            }

            RequireRunning(activity);
            CloseStandaloneActivity.RequestCancel(step, activity, request.Reason, request.RequestId);
            return new RequestCancelActivityExecutionResponse();
        });
    }

    public Task<TerminateActivityExecutionResponse> TerminateActivityExecution(TerminateActivityExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireTarget(request.ActivityId, request.RunId, "ActivityId");
        RequireBlob(new Payload { Data = ByteString.CopyFromUtf8(request.Reason) }, "Reason");
        return Engine.Run(step =>
        {
            var activity = StandaloneActivity.Find(step, space, request.ActivityId, request.RunId);
            if (activity.Status == ActivityExecutionStatus.Terminated)
            {
                return activity.S.TerminateRequestId == request.RequestId
                    ? new TerminateActivityExecutionResponse()
                    : throw ServiceErrors.FailedPrecondition($"already terminated with request ID {activity.S.TerminateRequestId}");
            }

            RequireRunning(activity);
            CloseStandaloneActivity.Terminate(step, activity, request.Reason, request.RequestId);
            return new TerminateActivityExecutionResponse();
        });
    }

    public Task<DeleteActivityExecutionResponse> DeleteActivityExecution(DeleteActivityExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireTarget(request.ActivityId, request.RunId, "ActivityId");
        return Engine.Run(step =>
        {
            var activity = StandaloneActivity.Find(step, space, request.ActivityId, request.RunId);
            if (activity.IsRunning)
            {
                CloseStandaloneActivity.Terminate(step, activity, "Delete activity execution", "");
            }

            step.Delete(activity);
            return new DeleteActivityExecutionResponse();
        });
    }

    /// <exception cref="ServiceException">FAILED_PRECONDITION.</exception>
    public static void RequireRunning(StandaloneActivity activity)
    {
        if (!activity.IsRunning)
        {
            throw ServiceErrors.FailedPrecondition($"activity execution is not running: its status is {activity.Status}");
        }
    }
}
