using Baton.Durable.Hosting;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace Baton.Durable.Services;

/// <summary>Partial updates of a message by field mask. SDKs send paths in snake_case, tools in camelCase too.</summary>
internal static class FieldMasks
{
    private static readonly FieldMask.MergeOptions replace = new() { ReplaceMessageFields = true, ReplacePrimitiveFields = true };

    /// <exception cref="ServiceException">INVALID_ARGUMENT: there is no mask, or a path names no field.</exception>
    public static FieldMask Require(FieldMask? mask, MessageDescriptor descriptor)
    {
        if (mask is null)
        {
            throw ServiceErrors.InvalidArgument("UpdateMask is not provided");
        }

        var known = new FieldMask();
        foreach (var path in mask.Paths)
        {
            var snake = string.Concat(path.Select(static c => char.IsAsciiLetterUpper(c) ? "_" + char.ToLowerInvariant(c) : c.ToString()));
            known.Paths.Add(snake);
            if (!FieldMask.IsValid(descriptor, snake))
            {
                throw ServiceErrors.InvalidArgument($"UpdateMask: {descriptor.Name} has no field {path}.");
            }
        }

        return known;
    }

    public static void Merge(FieldMask mask, IMessage from, IMessage into) => mask.Merge(from, into, replace);
}
