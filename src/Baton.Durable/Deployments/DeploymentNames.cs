using Baton.Durable.Hosting;
using Temporalio.Api.Deployment.V1;

namespace Baton.Durable.Deployments;

/// <summary>What names of deployments and builds may be, and how requests name a version in newer and older fields.</summary>
internal static class DeploymentNames
{
    private const int MaxLength = 480;

    public static void Require(string deployment, string buildId)
    {
        RequireName("WorkerDeploymentName", deployment);
        RequireName("BuildID", buildId);
    }

    public static void RequireDeployment(string deployment) => RequireName("WorkerDeploymentName", deployment);

    public static WorkerVersion RequireVersion(WorkerDeploymentVersion? version, string older)
    {
        if (version is not null)
        {
            Require(version.DeploymentName, version.BuildId);
            return WorkerVersion.Of(version);
        }

        if (older.Length == 0)
        {
            throw ServiceErrors.InvalidArgument("version is required");
        }

        return WorkerVersion.ParseOlder(older) is { IsNone: false } parsed
            ? parsed
            : throw ServiceErrors.InvalidArgument($"invalid version string \"{older}\", expected format is \"<deployment_name>.<build_id>\"");
    }

    /// <summary>The build id that a request asks to route to, empty for workers without versions.</summary>
    public static string RequireBuildId(string deployment, string buildId, string older)
    {
        if (buildId.Length > 0)
        {
            RequireName("BuildID", buildId);
            return buildId;
        }

        if (older.Length == 0)
        {
            return "";
        }

        var version = WorkerVersion.ParseOlder(older)
            ?? throw ServiceErrors.InvalidArgument($"invalid version string \"{older}\", expected format is \"<deployment_name>.<build_id>\"");
        return version.IsNone || version.Deployment == deployment
            ? version.BuildId
            : throw ServiceErrors.InvalidArgument($"version {older} is not of deployment {deployment}");
    }

    private static void RequireName(string field, string name)
    {
        if (name.Length == 0)
        {
            throw ServiceErrors.InvalidArgument($"{field} cannot be empty");
        }

        if (name.Length > MaxLength)
        {
            throw ServiceErrors.InvalidArgument($"size of {field} larger than the maximum allowed: {name.Length} > {MaxLength}");
        }

        if (name.StartsWith("__", StringComparison.Ordinal))
        {
            throw ServiceErrors.InvalidArgument($"{field} cannot start with '__'");
        }

        if (field == "WorkerDeploymentName" && name.AsSpan().IndexOfAny('.', ':') is >= 0 and var at)
        {
            throw ServiceErrors.InvalidArgument($"worker deployment name cannot contain '{name[at]}'");
        }
    }
}
