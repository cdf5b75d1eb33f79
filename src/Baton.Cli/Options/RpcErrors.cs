using Baton.Server.Errors;
using Temporalio.Exceptions;
using Status = Temporalio.Exceptions.RpcException.StatusCode;

namespace Baton.Cli.Options;

/// <summary>Turns what gRPC reports into errors with a cause and a remedy.</summary>
internal static class RpcErrors
{
    public static BatonException Translate(RpcException exception, string address) => exception.Code switch
    {
        Status.Cancelled => throw new OperationCanceledException(exception.Message, exception),
        Status.NotFound => exception.New(ErrorCodes.NotFound, "check the id and --namespace"),
        Status.AlreadyExists => exception.New(ErrorCodes.AlreadyExists, "choose another id, or say what to do with --id-reuse-policy and --id-conflict-policy"),
        Status.InvalidArgument or Status.OutOfRange => exception.New(ErrorCodes.InvalidInput, "correct the field that the message names"),
        Status.Unauthenticated or Status.PermissionDenied => exception.New(ErrorCodes.Unauthenticated, "give --api-key, or --tls-cert-path and --tls-key-path"),
        Status.Unimplemented => exception.New(ErrorCodes.Unsupported, "update the server"),
        Status.Unavailable or Status.DeadlineExceeded => Unreachable(exception, address, exception.Message),
        _ => exception.New(ErrorCodes.Refused, "`baton workflow describe` shows how things stand"),
    };

    public static BatonException ConnectFailed(InvalidOperationException exception, string address) =>
        exception.Message.Contains("Unauthenticated", StringComparison.OrdinalIgnoreCase)
        || exception.Message.Contains("PermissionDenied", StringComparison.OrdinalIgnoreCase)
            ? new(ErrorCodes.Unauthenticated, $"the server at {address} does not accept the caller", null, "give --api-key, or --tls-cert-path and --tls-key-path", exception)
            : Unreachable(exception, address, Reason(exception.Message));

    private static BatonException Unreachable(Exception exception, string address, string reason) => new(
        ErrorCodes.ServerUnreachable, $"no server answers at {address}", reason,
        "start one with `baton server start-dev` or `baton up PATH`, or name another with --address", exception);

    /// <summary>The bridge reports a chain of causes in Rust's debug form; the operating system's words are what helps.</summary>
    private static string Reason(string message)
    {
        const string Mark = "message: \"";
        var start = message.LastIndexOf(Mark, StringComparison.Ordinal);
        if (start < 0)
        {
            return message;
        }
        start += Mark.Length;
        var end = message.IndexOf('"', start);
        return end < 0 ? message[start..] : message[start..end];
    }

    private static BatonException New(this RpcException exception, string code, string remedy) =>
        new(code, exception.Message.TrimEnd('.'), null, remedy, exception);
}
