using System.Net;
using Baton.Flows.Tests.Protos;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Baton.Flows.Tests.Support;

/// <summary>A gRPC server of generated code, for a client that has only the text of the proto file.</summary>
internal sealed class ShopServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ShopServer(WebApplication app) => _app = app;

    public int Port => new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;

    public static async Task<ShopServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(o => o.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Logging.ClearProviders();
        builder.Services.AddGrpc();
        var app = builder.Build();
        app.MapGrpcService<Service>();
        await app.StartAsync();
        return new ShopServer(app);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private sealed class Service : Shop.ShopBase
    {
        private static readonly JsonFormatter Json = new(JsonFormatter.Settings.Default.WithTypeRegistry(TypeRegistry.FromFiles(ShopReflection.Descriptor)));

        public override Task<EchoReply> Echo(Everything request, ServerCallContext context) =>
            Task.FromResult(new EchoReply { Json = Json.Format(request), Echo = request });

        public override async Task Count(CountRequest request, IServerStreamWriter<CountReply> responseStream, ServerCallContext context)
        {
            for (var number = 1; number <= request.To; number++)
            {
                await responseStream.WriteAsync(new CountReply { Number = number });
            }
        }

        public override async Task<CountReply> Collect(IAsyncStreamReader<CountRequest> requestStream, ServerCallContext context)
        {
            var sum = 0;
            while (await requestStream.MoveNext())
            {
                sum += requestStream.Current.To;
            }
            return new CountReply { Number = sum };
        }

        public override async Task Chat(IAsyncStreamReader<CountRequest> requestStream, IServerStreamWriter<CountReply> responseStream, ServerCallContext context)
        {
            while (await requestStream.MoveNext())
            {
                await responseStream.WriteAsync(new CountReply { Number = requestStream.Current.To });
                await responseStream.WriteAsync(new CountReply { Number = -requestStream.Current.To });
            }
        }

        public override async Task<Empty> Fail(FailRequest request, ServerCallContext context)
        {
            if (request.Silent)
            {
                var gone = new TaskCompletionSource();
                await using var registration = context.CancellationToken.Register(() => gone.TrySetResult());
                await gone.Task;
            }
            throw new RpcException(new Status((StatusCode)request.Code, "as asked"));
        }

        public override Task<Caller> WhoAmI(Empty request, ServerCallContext context) => Task.FromResult(new Caller
        {
            Authorization = context.RequestHeaders.GetValue("authorization") ?? "",
            IdempotencyKey = context.RequestHeaders.GetValue("idempotency-key") ?? "",
        });
    }
}
