using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Temporalio.Api.Common.V1;
using GrpcStatus = Temporalio.Api.Common.V1.GrpcStatus;

namespace Baton.Durable.Hosting;

/// <summary>
/// An error that the caller is meant to see: a gRPC status and, where Temporal defines one, a typed detail in the
/// <c>grpc-status-details-bin</c> trailer. Made by <see cref="ServiceErrors"/>.
/// </summary>
internal sealed class ServiceException : RpcException
{
    private const string DetailsTrailer = "grpc-status-details-bin";

    public ServiceException(StatusCode code, string message, IMessage? detail = null)
        : base(new Status(code, message), TrailersOf(code, message, detail), message) => Detail = detail;

    public IMessage? Detail { get; }

    /// <summary>The same error as <c>google.rpc.Status</c>, for answers that carry errors inside.</summary>
    public GrpcStatus ToStatus() => StatusOf(StatusCode, Status.Detail, Detail);

    // GrpcStatus has the field numbers of google.rpc.Status, so its bytes are what clients parse the trailer as.
    private static GrpcStatus StatusOf(StatusCode code, string message, IMessage? detail)
    {
        var status = new GrpcStatus { Code = (int)code, Message = message };
        if (detail is not null)
        {
            status.Details.Add(Any.Pack(detail));
        }
        return status;
    }

    private static Metadata TrailersOf(StatusCode code, string message, IMessage? detail) =>
        detail is null ? [] : new Metadata { { DetailsTrailer, StatusOf(code, message, detail).ToByteArray() } };
}
