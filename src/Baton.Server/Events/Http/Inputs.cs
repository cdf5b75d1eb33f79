using Baton.Server.Errors;

namespace Baton.Server.Events.Http;

/// <summary>Refusals that several endpoints share.</summary>
internal static class Inputs
{
    public static BatonException BadPattern(string pattern) => new(
        ErrorCodes.InvalidInput, $"'{pattern}' is no pattern of event types", null, "between dots, write a word, or * for any one; > at the end stands for all that follows");

    public static BatonException NotFound(string what) => new(ErrorCodes.NotFound, $"there is no {what}", null, "list what there is");

    public static int Limit(int limit, int most) =>
        limit >= 1 && limit <= most ? limit : throw new BatonException(ErrorCodes.InvalidInput, $"limit is {limit}", null, $"give 1 to {most}");
}
