using System.Buffers.Text;
using Baton.Server.Errors;
using Google.Protobuf;

namespace Baton.Server.Runs;

/// <summary>Page tokens of durable execution as text that fits in a query.</summary>
internal static class Cursors
{
    public static string? Text(ByteString token) => token.IsEmpty ? null : Base64Url.EncodeToString(token.Span);

    /// <exception cref="BatonException">It is none.</exception>
    public static ByteString Token(string? cursor)
    {
        if (string.IsNullOrEmpty(cursor))
        {
            return ByteString.Empty;
        }
        if (cursor.Length > 4096 || !Base64Url.IsValid(cursor))
        {
            throw new BatonException(ErrorCodes.InvalidInput, "cursor is not one that this server gave", null, "pass the nextCursor of the page before, unchanged");
        }
        return ByteString.CopyFrom(Base64Url.DecodeFromChars(cursor));
    }
}
