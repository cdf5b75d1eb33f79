using System.Globalization;
using Baton.Durable.Storage;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Visibility;

/// <summary>Names of <c>ExecutionStatus</c> as queries write them: <c>Running</c>, or <c>WORKFLOW_EXECUTION_STATUS_RUNNING</c>.</summary>
internal static class StatusNames
{
    public static string NameOf(EntityKind kind, long status) =>
        EnumOf(kind) is { } names && Enum.GetName(names, (int)status) is { } name ? name : status.ToString(CultureInfo.InvariantCulture);

    /// <summary>The number of a status name; null when the kind has no status of that name.</summary>
    public static long? NumberOf(EntityKind kind, string name)
    {
        if (EnumOf(kind) is not { } names)
        {
            return null;
        }

        var prefix = kind switch
        {
            EntityKind.Activity => "ACTIVITY_EXECUTION_STATUS_",
            EntityKind.NexusOperation => "NEXUS_OPERATION_EXECUTION_STATUS_",
            _ => "WORKFLOW_EXECUTION_STATUS_",
        };
        var screaming = name.StartsWith(prefix, StringComparison.Ordinal);
        var plain = screaming ? name[prefix.Length..].Replace("_", "", StringComparison.Ordinal) : name;
        // A number in quotes is no name, though Enum.Parse would take it.
        if (plain.Length == 0 || !char.IsAsciiLetter(plain[0]) || plain.Contains(','))
        {
            return null;
        }

        return Enum.TryParse(names, plain, ignoreCase: screaming, out var value) && Enum.IsDefined(names, value) ? (int)value : null;
    }

    public static bool IsDefined(EntityKind kind, long status) => EnumOf(kind) is { } names && status is >= 0 and <= int.MaxValue && Enum.IsDefined(names, (int)status);

    public static IEnumerable<string> All(EntityKind kind) => EnumOf(kind) is { } names ? Enum.GetNames(names).Where(name => name != "Unspecified") : [];

    private static Type? EnumOf(EntityKind kind) => kind switch
    {
        EntityKind.Workflow or EntityKind.Schedule or EntityKind.Batch => typeof(WorkflowExecutionStatus),
        EntityKind.Activity => typeof(ActivityExecutionStatus),
        EntityKind.NexusOperation => typeof(NexusOperationExecutionStatus),
        _ => null,
    };
}
