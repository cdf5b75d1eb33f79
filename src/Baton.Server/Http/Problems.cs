using Baton.Server.Errors;
using Baton.Server.Events;
using Baton.Server.Events.Log;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Npgsql;
using Temporalio.Exceptions;

namespace Baton.Server.Http;

/// <summary>
/// Failures as problem details (RFC 9457): `title` is what went wrong, `detail` the cause, and the members `code` and
/// `remedy` are Baton's own. What was not foreseen tells nothing of the inside: it is in the log under the trace id.
/// </summary>
internal sealed partial class Problems(IProblemDetailsService writer, ILogger<Problems> log) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancel)
    {
        var problem = Of(exception);
        if (problem.Status == StatusCodes.Status500InternalServerError)
        {
            LogUnforeseen(log, exception, context.Request.Method, context.Request.Path);
        }
        context.Response.StatusCode = problem.Status!.Value;
        return await writer.TryWriteAsync(new ProblemDetailsContext { HttpContext = context, ProblemDetails = problem });
    }

    /// <summary>SQLITE_FULL.</summary>
    private const int SqliteFull = 13;

    private static ProblemDetails Of(Exception exception) => exception switch
    {
        BadHttpRequestException bad => Create(
            bad.StatusCode, bad.StatusCode == StatusCodes.Status413PayloadTooLarge ? ErrorCodes.TooLarge : ErrorCodes.InvalidInput,
            bad.InnerException?.Message ?? bad.Message, null, "correct the request"),
        _ => Create(Known(exception)),
    };

    /// <summary>What callers are told of a failure, over HTTP, GraphQL or MCP: of one that was not foreseen, nothing of the inside.</summary>
    public static BatonException Known(Exception exception) => exception switch
    {
        BatonException known => known,
        RpcException rpc => OfDurable(rpc),
        EventLogException events => EventErrors.Of(events),
        _ when IsFull(exception) => new(
            ErrorCodes.StorageFull, "the disk of the records is full", "nothing was changed",
            "free space, or shorten the retention (`baton storage` shows what takes it); the server goes on by itself", exception),
        _ => new(ErrorCodes.Unexpected, "something went wrong that was not foreseen", null, "look for the trace id in the server's log, and report it", exception),
    };

    public static ProblemDetails Create(int status, string code, string title, string? cause, string remedy) => new()
    {
        Status = status,
        Type = $"urn:baton:error:{code}",
        Title = title,
        Detail = cause,
        Extensions = { ["code"] = code, ["remedy"] = remedy },
    };

    private static ProblemDetails Create(BatonException known)
    {
        var problem = Create(StatusOf(known.Code), known.Code, known.Message, known.Cause, known.Remedy);
        foreach (var (name, value) in known.Details)
        {
            problem.Extensions[name] = value;
        }
        return problem;
    }

    /// <summary>What durable execution answers to a call that it does not carry out.</summary>
    private static BatonException OfDurable(RpcException rpc) => rpc.Code switch
    {
        RpcException.StatusCode.NotFound => new(ErrorCodes.NotFound, "there is no such run", rpc.Message, "`baton run list` shows those there are", rpc),
        RpcException.StatusCode.AlreadyExists => new(ErrorCodes.AlreadyExists, "there is such a run already", rpc.Message, "choose another id, or leave it to the server", rpc),
        RpcException.StatusCode.InvalidArgument => new(ErrorCodes.InvalidInput, "durable execution does not accept this", rpc.Message, "correct the request", rpc),
        RpcException.StatusCode.FailedPrecondition => new(ErrorCodes.Refused, "this cannot be done to the run as it is", rpc.Message, "look at the run, and try again", rpc),
        RpcException.StatusCode.Unavailable or RpcException.StatusCode.DeadlineExceeded or RpcException.StatusCode.ResourceExhausted =>
            new(ErrorCodes.ServerUnreachable, "durable execution does not answer", rpc.Message, "try again soon", rpc),
        _ => new(ErrorCodes.Unexpected, "durable execution failed", rpc.Code.ToString(), "look for the trace id in the server's log, and report it", rpc),
    };

    private static bool IsFull(Exception? exception) => exception switch
    {
        null => false,
        SqliteException { SqliteErrorCode: SqliteFull } => true,
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => true,
        _ => IsFull(exception.InnerException),
    };

    private static int StatusOf(string code) => code switch
    {
        ErrorCodes.NotFound or ErrorCodes.UnknownStep => StatusCodes.Status404NotFound,
        ErrorCodes.KeyReused => StatusCodes.Status422UnprocessableEntity,
        ErrorCodes.FlowChanged => StatusCodes.Status412PreconditionFailed,
        ErrorCodes.AlreadyExists or ErrorCodes.Refused or ErrorCodes.RunClosed or ErrorCodes.UnderWay or ErrorCodes.TaskClosed or ErrorCodes.TaskClaimed => StatusCodes.Status409Conflict,
        ErrorCodes.Unauthenticated or ErrorCodes.SignInRefused or ErrorCodes.BadSignature => StatusCodes.Status401Unauthorized,
        ErrorCodes.Forbidden or ErrorCodes.FourEyes or ErrorCodes.NotCandidate or ErrorCodes.CsrfTokenMissing or ErrorCodes.EgressRefused => StatusCodes.Status403Forbidden,
        ErrorCodes.LinkInvalid => StatusCodes.Status410Gone,
        ErrorCodes.TooManyAttempts => StatusCodes.Status429TooManyRequests,
        ErrorCodes.EventLogFull or ErrorCodes.StorageFull => StatusCodes.Status507InsufficientStorage,
        ErrorCodes.TooLarge => StatusCodes.Status413PayloadTooLarge,
        ErrorCodes.ServerUnreachable or ErrorCodes.EventLogUnavailable or ErrorCodes.AuditBroken or ErrorCodes.KeyUnknown => StatusCodes.Status503ServiceUnavailable,
        ErrorCodes.Unexpected => StatusCodes.Status500InternalServerError,
        _ => StatusCodes.Status400BadRequest,
    };

    [LoggerMessage(EventIds.UnforeseenFailure, LogLevel.Error, "{Method} {Path} failed in an unforeseen way")]
    private static partial void LogUnforeseen(ILogger log, Exception exception, string method, string path);
}
