using Temporalio.Api.Deployment.V1;

namespace Baton.Durable.Deployments;

/// <summary>A worker deployment version; both names empty stand for workers without versions.</summary>
internal readonly record struct WorkerVersion(string Deployment, string BuildId)
{
    /// <summary>How the older fields of the API name workers without versions.</summary>
    public const string UnversionedName = "__unversioned__";

    public static readonly WorkerVersion None = new("", "");

    public bool IsNone => BuildId.Length == 0;

    /// <summary>Null for workers without versions.</summary>
    public WorkerDeploymentVersion? ToApi() => IsNone ? null : new WorkerDeploymentVersion { DeploymentName = Deployment, BuildId = BuildId };

    public static WorkerVersion Of(WorkerDeploymentVersion? version) => version is null ? None : new(version.DeploymentName, version.BuildId);

    /// <summary>As search attributes have it.</summary>
    public override string ToString() => $"{Deployment}:{BuildId}";

    /// <summary>As the older fields of the API have it.</summary>
    public string ToOlderString() => IsNone ? UnversionedName : $"{Deployment}.{BuildId}";

    /// <summary>Reads what <see cref="ToOlderString"/> writes; null when it is something else.</summary>
    public static WorkerVersion? ParseOlder(string text)
    {
        if (text == UnversionedName)
        {
            return None;
        }

        var dot = text.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && dot < text.Length - 1 ? new WorkerVersion(text[..dot], text[(dot + 1)..]) : null;
    }
}
