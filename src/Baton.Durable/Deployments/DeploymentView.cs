using System.Buffers.Binary;
using Baton.Durable.Engine;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Deployment.V1;
using Temporalio.Api.Enums.V1;
using Summary = Temporalio.Api.Deployment.V1.WorkerDeploymentInfo.Types.WorkerDeploymentVersionSummary;

namespace Baton.Durable.Deployments;

/// <summary>Deployments and versions as the API shows them.</summary>
internal static class DeploymentView
{
    /// <summary>Changes with every change; a caller that shows an old one has not seen the last change.</summary>
    public static ByteString ConflictToken(DeploymentState state)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, state.Revision);
        return UnsafeByteOperations.UnsafeWrap(bytes);
    }

    public static WorkerDeploymentInfo Info(DeploymentState state)
    {
        var info = new WorkerDeploymentInfo
        {
            Name = state.Name,
            CreateTime = Instant.ToTimestamp(state.Created),
            RoutingConfig = Routing(state),
            LastModifierIdentity = state.LastModifier,
            ManagerIdentity = state.Manager,
            RoutingConfigUpdateState = RoutingConfigUpdateState.Completed,
        };
        info.VersionSummaries.AddRange(state.Versions.Values.OrderByDescending(static version => version.Created).Select(version => SummaryOf(state, version)));
        return info;
    }

    public static RoutingConfig Routing(DeploymentState state)
    {
        var current = VersionOf(state, state.CurrentBuildId);
        var ramping = VersionOf(state, state.RampingBuildId);
        return new RoutingConfig
        {
            CurrentDeploymentVersion = current.ToApi(),
            CurrentVersion = current.ToOlderString(),
            CurrentVersionChangedTime = Instant.ToTimestamp(state.CurrentChanged),
            RampingDeploymentVersion = ramping.ToApi(),
            RampingVersion = state.HasRamp ? ramping.ToOlderString() : "",
            RampingVersionPercentage = state.RampPercentage,
            RampingVersionChangedTime = Instant.ToTimestamp(state.RampingChanged),
            RampingVersionPercentageChangedTime = Instant.ToTimestamp(state.RampPercentageChanged),
            RevisionNumber = state.Revision,
        };
    }

    public static Summary SummaryOf(DeploymentState state, DeploymentVersionState version)
    {
        var name = VersionOf(state, version.BuildId);
        return new Summary
        {
            DeploymentVersion = name.ToApi(),
            Version = name.ToOlderString(),
            Status = StatusOf(state, version),
            CreateTime = Instant.ToTimestamp(version.Created),
            DrainageStatus = (VersionDrainageStatus)version.Drainage,
            DrainageInfo = Drainage(version),
            CurrentSinceTime = Instant.ToTimestamp(version.CurrentSince),
            RampingSinceTime = Instant.ToTimestamp(version.RampingSince),
            RoutingUpdateTime = Instant.ToTimestamp(version.RoutingChanged),
            FirstActivationTime = Instant.ToTimestamp(version.FirstActivated),
            LastCurrentTime = Instant.ToTimestamp(version.LastCurrent),
            LastDeactivationTime = Instant.ToTimestamp(version.LastDeactivated),
        };
    }

    public static WorkerDeploymentVersionInfo Info(DeploymentState state, DeploymentVersionState version)
    {
        var name = VersionOf(state, version.BuildId);
        var info = new WorkerDeploymentVersionInfo
        {
            DeploymentVersion = name.ToApi(),
            Version = name.ToOlderString(),
            DeploymentName = state.Name,
            Status = StatusOf(state, version),
            CreateTime = Instant.ToTimestamp(version.Created),
            RoutingChangedTime = Instant.ToTimestamp(version.RoutingChanged),
            CurrentSinceTime = Instant.ToTimestamp(version.CurrentSince),
            RampingSinceTime = Instant.ToTimestamp(version.RampingSince),
            FirstActivationTime = Instant.ToTimestamp(version.FirstActivated),
            LastCurrentTime = Instant.ToTimestamp(version.LastCurrent),
            LastDeactivationTime = Instant.ToTimestamp(version.LastDeactivated),
            RampPercentage = state.HasRamp && state.RampingBuildId == version.BuildId ? state.RampPercentage : 0,
            DrainageInfo = Drainage(version),
            Metadata = Metadata(version),
            LastModifierIdentity = version.LastModifier,
        };
        info.TaskQueueInfos.AddRange(version.TaskQueues.Select(static queue => new WorkerDeploymentVersionInfo.Types.VersionTaskQueueInfo
        {
            Name = queue.Name,
            Type = TypeOf((TaskKind)queue.Kind),
        }));
        return info;
    }

    public static VersionMetadata Metadata(DeploymentVersionState version) =>
        new() { Entries = { version.Metadata.ToDictionary(static pair => pair.Key, static pair => Payload.Parser.ParseFrom(pair.Value)) } };

    public static TaskQueueType TypeOf(TaskKind kind) => kind switch
    {
        TaskKind.Workflow => TaskQueueType.Workflow,
        TaskKind.Activity => TaskQueueType.Activity,
        _ => TaskQueueType.Nexus,
    };

    private static WorkerVersion VersionOf(DeploymentState state, string buildId) => buildId.Length == 0 ? WorkerVersion.None : new(state.Name, buildId);

    private static WorkerDeploymentVersionStatus StatusOf(DeploymentState state, DeploymentVersionState version) =>
        state.CurrentBuildId == version.BuildId ? WorkerDeploymentVersionStatus.Current
        : state.HasRamp && state.RampingBuildId == version.BuildId ? WorkerDeploymentVersionStatus.Ramping
        : version.Drainage == (int)VersionDrainageStatus.Draining ? WorkerDeploymentVersionStatus.Draining
        : version.Drainage == (int)VersionDrainageStatus.Drained ? WorkerDeploymentVersionStatus.Drained
        : version.TaskQueues.Count == 0 ? WorkerDeploymentVersionStatus.Created
        : WorkerDeploymentVersionStatus.Inactive;

    private static VersionDrainageInfo? Drainage(DeploymentVersionState version) => version.Drainage == 0 ? null : new VersionDrainageInfo
    {
        Status = (VersionDrainageStatus)version.Drainage,
        LastChangedTime = Instant.ToTimestamp(version.DrainageChanged),
        LastCheckedTime = Instant.ToTimestamp(version.DrainageChecked),
    };
}
