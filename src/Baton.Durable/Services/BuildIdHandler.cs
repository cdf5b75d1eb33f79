using System.Buffers.Binary;
using Baton.Durable.BuildIds;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;
using Operation = Temporalio.Api.WorkflowService.V1.UpdateWorkerBuildIdCompatibilityRequest.OperationOneofCase;

namespace Baton.Durable.Services;

/// <summary>Build ids of task queues: version sets, versioning rules, and which build ids are still needed.</summary>
internal sealed class BuildIdHandler(DurableEngine engine) : HandlerBase(engine)
{
    private const int MaxBuildId = 255;
    private const int MaxBuildIdsAtOnce = 5;

    public Task<UpdateWorkerBuildIdCompatibilityResponse> UpdateWorkerBuildIdCompatibility(UpdateWorkerBuildIdCompatibilityRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.TaskQueue, "TaskQueue");
        foreach (var (buildId, field) in Named(request))
        {
            if (buildId.Length is 0 or > MaxBuildId)
            {
                throw ServiceErrors.InvalidArgument($"{field} must have 1 to {MaxBuildId} characters.");
            }
        }

        return Engine.Run(step =>
        {
            var state = Copy(step, space, request.TaskQueue);
            if (BuildIdSets.Apply(state, request, step.Now))
            {
                step.Core.BuildIds.Put(step, state);
            }

            return new UpdateWorkerBuildIdCompatibilityResponse();
        });
    }

    public Task<GetWorkerBuildIdCompatibilityResponse> GetWorkerBuildIdCompatibility(GetWorkerBuildIdCompatibilityRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.TaskQueue, "TaskQueue");
        return Engine.Run(step =>
        {
            var response = new GetWorkerBuildIdCompatibilityResponse();
            if (step.Core.BuildIds.Find(space.Id, request.TaskQueue) is { } state)
            {
                response.MajorVersionSets.AddRange(state.Sets
                    .Skip(request.MaxSets > 0 ? Math.Max(0, state.Sets.Count - request.MaxSets) : 0)
                    .Select(static set => new CompatibleVersionSet { BuildIds = { set.BuildIds } }));
            }

            return response;
        });
    }

    public Task<UpdateWorkerVersioningRulesResponse> UpdateWorkerVersioningRules(UpdateWorkerVersioningRulesRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.TaskQueue, "TaskQueue");
        return Engine.Run(step =>
        {
            var state = Copy(step, space, request.TaskQueue);
            if (!request.ConflictToken.IsEmpty && !request.ConflictToken.Equals(ConflictToken(state)))
            {
                throw ServiceErrors.FailedPrecondition("provided conflict token does not match existing one: the rules were changed since they were read");
            }

            BuildIdRules.Apply(state, request, step.Now, buildId => step.Core.Matcher.IsBuildIdPolled(space.Id, request.TaskQueue, buildId, step.Now));
            step.Core.BuildIds.Put(step, state);
            return new UpdateWorkerVersioningRulesResponse
            {
                AssignmentRules = { state.AssignmentRules.Select(BuildIdRules.ToApi) },
                CompatibleRedirectRules = { state.RedirectRules.Select(BuildIdRules.ToApi) },
                ConflictToken = ConflictToken(state),
            };
        });
    }

    public Task<GetWorkerVersioningRulesResponse> GetWorkerVersioningRules(GetWorkerVersioningRulesRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.TaskQueue, "TaskQueue");
        return Engine.Run(step =>
        {
            var state = Copy(step, space, request.TaskQueue);
            return new GetWorkerVersioningRulesResponse
            {
                AssignmentRules = { state.AssignmentRules.Select(BuildIdRules.ToApi) },
                CompatibleRedirectRules = { state.RedirectRules.Select(BuildIdRules.ToApi) },
                ConflictToken = ConflictToken(state),
            };
        });
    }

    public async Task<GetWorkerTaskReachabilityResponse> GetWorkerTaskReachability(GetWorkerTaskReachabilityRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        if (request.BuildIds.Count is 0 or > MaxBuildIdsAtOnce)
        {
            throw ServiceErrors.InvalidArgument($"Must query at least a single build ID and at most {MaxBuildIdsAtOnce}");
        }

        if (request.TaskQueues.Count == 0 && request.BuildIds.Contains(""))
        {
            throw ServiceErrors.InvalidArgument("Cannot get reachability of an unversioned worker without specifying at least one task queue (empty build id means unversioned worker)");
        }

        foreach (var queue in request.TaskQueues)
        {
            RequireId(queue, "TaskQueue");
        }

        var states = await Engine.Run(step => step.Core.BuildIds.Of(space.Id).ToDictionary(static state => state.Queue));
        var response = new GetWorkerTaskReachabilityResponse();
        foreach (var buildId in request.BuildIds)
        {
            IEnumerable<string> queues = request.TaskQueues.Count > 0
                ? request.TaskQueues
                : states.Values.Where(state => BuildIdSets.Find(state, buildId) is not null).Select(static state => state.Queue).Order(StringComparer.Ordinal);
            response.BuildIdReachability.Add(new BuildIdReachability
            {
                BuildId = buildId,
                TaskQueueReachability =
                {
                    queues.Select(queue => new TaskQueueReachability
                    {
                        TaskQueue = queue,
                        Reachability = { BuildIdReach.OfSets(Engine.Store, space, states.GetValueOrDefault(queue), queue, buildId, request.Reachability) },
                    }),
                },
            });
        }

        return response;
    }

    private static BuildIdState Copy(Step step, NamespaceEntry space, string queue) =>
        step.Core.BuildIds.Find(space.Id, queue)?.Clone() ?? new BuildIdState { NamespaceId = space.Id, Queue = queue };

    private static ByteString ConflictToken(BuildIdState state)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, state.Revision);
        return UnsafeByteOperations.UnsafeWrap(bytes);
    }

    private static (string BuildId, string Field)[] Named(UpdateWorkerBuildIdCompatibilityRequest request) => request.OperationCase switch
    {
        Operation.AddNewBuildIdInNewDefaultSet => [(request.AddNewBuildIdInNewDefaultSet, "AddNewBuildIdInNewDefaultSet")],
        Operation.AddNewCompatibleBuildId =>
            [(request.AddNewCompatibleBuildId.NewBuildId, "NewBuildId"), (request.AddNewCompatibleBuildId.ExistingCompatibleBuildId, "ExistingCompatibleBuildId")],
        Operation.PromoteSetByBuildId => [(request.PromoteSetByBuildId, "PromoteSetByBuildId")],
        Operation.PromoteBuildIdWithinSet => [(request.PromoteBuildIdWithinSet, "PromoteBuildIdWithinSet")],
        Operation.MergeSets => [(request.MergeSets.PrimarySetBuildId, "PrimarySetBuildId"), (request.MergeSets.SecondarySetBuildId, "SecondarySetBuildId")],
        _ => [],
    };
}
