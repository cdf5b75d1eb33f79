using Baton.Server.Errors;

namespace Baton.Server.Http;

/// <summary>Sizes of pages.</summary>
internal static class Paging
{
    /// <exception cref="BatonException">It is out of range.</exception>
    public static int Limit(int? limit, int usual, int most) => limit switch
    {
        null => usual,
        < 1 => throw OutOfRange(most),
        _ when limit > most => throw OutOfRange(most),
        _ => limit.Value,
    };

    private static BatonException OutOfRange(int most) => new(ErrorCodes.InvalidInput, $"limit must be 1 to {most}", null, "ask for less at once, and go on with nextCursor");
}
