using Temporalio.Api.Version.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Hosting;

/// <summary>Answers what the server is and what it can do.</summary>
internal sealed class SystemHandler(string clusterId, string store)
{
    /// <summary>The Temporal server release whose API and semantics this server follows; SDKs and tools compare it.</summary>
    public const string ServerVersion = "1.31.0";

    public const string ClusterName = "active";

    public const int InitialFailoverVersion = 1;

    public Task<GetSystemInfoResponse> GetSystemInfo(GetSystemInfoRequest request, CallContext call) => Task.FromResult(new GetSystemInfoResponse
    {
        ServerVersion = ServerVersion,
        Capabilities = new()
        {
            SignalAndQueryHeader = true,
            InternalErrorDifferentiation = true,
            ActivityFailureIncludeHeartbeat = true,
            SupportsSchedules = true,
            EncodedFailureAttributes = true,
            BuildIdBasedVersioning = true,
            UpsertMemo = true,
            EagerWorkflowStart = true,
            SdkMetadata = true,
            CountGroupByExecutionStatus = true,
            Nexus = true,
        },
    });

    public Task<GetClusterInfoResponse> GetClusterInfo(GetClusterInfoRequest request, CallContext call) => Task.FromResult(new GetClusterInfoResponse
    {
        SupportedClients =
        {
            ["temporal-cli"] = "<3.0.0",
            ["temporal-dotnet"] = "<3.0.0",
            ["temporal-go"] = "<3.0.0",
            ["temporal-java"] = "<3.0.0",
            ["temporal-php-2"] = "<4.0.0",
            ["temporal-python"] = "<3.0.0",
            ["temporal-ruby"] = "<3.0.0",
            ["temporal-server"] = "<3.0.0",
            ["temporal-typescript"] = "<3.0.0",
            ["temporal-ui"] = "<4.0.0",
        },
        ServerVersion = ServerVersion,
        VersionInfo = new VersionInfo { Current = new ReleaseInfo { Version = ServerVersion } },
        ClusterId = clusterId,
        ClusterName = ClusterName,
        HistoryShardCount = 1,
        PersistenceStore = store,
        VisibilityStore = store,
        FailoverVersionIncrement = 10,
        InitialFailoverVersion = InitialFailoverVersion,
    });
}
