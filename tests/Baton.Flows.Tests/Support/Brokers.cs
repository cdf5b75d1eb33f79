using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using MQTTnet.Protocol;
using MQTTnet.Server;
using NATS.Client.Core;

namespace Baton.Flows.Tests.Support;

/// <summary>Real brokers on loopback: nats-server, an MQTT broker, and a web server with streams and sockets. Their AsyncAPI documents lie in <see cref="Folder"/>.</summary>
public sealed class Brokers : IAsyncLifetime
{
    private readonly int _natsPort = FreePort();
    private readonly int _monitorPort = FreePort();
    private readonly int _mqttPort = FreePort();
    private readonly HttpClient _monitor = new();
    private readonly SemaphoreSlim _subscribed = new(0);

    private Process _nats = null!;
    private MqttServer _mqtt = null!;
    private WebApplication _web = null!;

    public string Folder { get; } = Directory.CreateTempSubdirectory("baton-asyncapi-").FullName;

    /// <summary>What was sent to the web server and its sockets: method or WS, path, Authorization, body.</summary>
    public ConcurrentQueue<(string Method, string Path, string Authorization, string Body)> Web { get; } = new();

    /// <summary>What was published by MQTT: topic, quality, user properties, body.</summary>
    public ConcurrentQueue<(string Topic, int Quality, string Properties, string Body)> Mqtt { get; } = new();

    public Uri MqttAddress => new($"mqtt://127.0.0.1:{_mqttPort}");

    /// <summary>Waits until the MQTT broker has no session of a client whose id begins so.</summary>
    public async Task MqttSessionEndsAsync(string id)
    {
        while ((await _mqtt.GetSessionsAsync()).Any(s => s.Id.StartsWith(id, StringComparison.Ordinal)))
        {
            await Task.Yield();
        }
    }

    public NatsConnection Nats { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _nats = Process.Start(new ProcessStartInfo("nats-server", ["-a", "127.0.0.1", "-p", $"{_natsPort}", "-m", $"{_monitorPort}", "--user", "ann", "--pass", "s3cret"]) { RedirectStandardError = true })!;
        _nats.ErrorDataReceived += (_, _) => { };
        _nats.BeginErrorReadLine();
        Nats = new NatsConnection(new NatsOpts { Url = $"nats://127.0.0.1:{_natsPort}", AuthOpts = new NatsAuthOpts { Username = "ann", Password = "s3cret" }, RetryOnInitialConnect = true });
        await Nats.ConnectAsync();
        await Nats.PingAsync();
        await StartMqttAsync();
        await StartWebAsync();
        await File.WriteAllTextAsync(Path.Combine(Folder, "v3.yaml"), Version3());
        await File.WriteAllTextAsync(Path.Combine(Folder, "v2.yaml"), Version2());
    }

    public async ValueTask DisposeAsync()
    {
        await Nats.DisposeAsync();
        _nats.Kill();
        await _nats.WaitForExitAsync();
        _nats.Dispose();
        await _mqtt.StopAsync();
        _mqtt.Dispose();
        await _web.DisposeAsync();
        _monitor.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Waits until a run listens to a subject, or has ended.</summary>
    public async Task NatsListenerAsync(string subject, Task run)
    {
        while (!run.IsCompleted && !(await _monitor.GetStringAsync($"http://127.0.0.1:{_monitorPort}/subsz?subs=1")).Contains($"\"{subject}\"", StringComparison.Ordinal))
        {
            await Task.Yield();
        }
    }

    /// <summary>Waits until a run has subscribed to an MQTT topic, or has ended.</summary>
    public Task MqttListenerAsync(Task run) => Task.WhenAny(_subscribed.WaitAsync(), run);

    public Task MqttPublishAsync(string topic, string body) =>
        _mqtt.InjectApplicationMessage(new InjectedMqttApplicationMessage(new MQTTnet.MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(body).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build()) { SenderClientId = "test" });

    private async Task StartMqttAsync()
    {
        _mqtt = new MqttServerFactory().CreateMqttServer(new MqttServerOptionsBuilder().WithDefaultEndpoint().WithDefaultEndpointBoundIPAddress(IPAddress.Loopback)
            .WithDefaultEndpointBoundIPV6Address(IPAddress.None).WithDefaultEndpointPort(_mqttPort).WithPersistentSessions().Build());
        _mqtt.ValidatingConnectionAsync += connection =>
        {
            connection.ReasonCode = connection.Password == "s3cret" ? MqttConnectReasonCode.Success : MqttConnectReasonCode.BadUserNameOrPassword;
            return Task.CompletedTask;
        };
        _mqtt.InterceptingPublishAsync += published =>
        {
            var message = published.ApplicationMessage;
            var properties = string.Join(",", (message.UserProperties ?? []).Select(p => $"{p.Name}={Encoding.UTF8.GetString(p.ValueBuffer.Span)}"));
            Mqtt.Enqueue((message.Topic, (int)message.QualityOfServiceLevel, properties, Encoding.UTF8.GetString(System.Buffers.BuffersExtensions.ToArray(message.Payload))));
            return Task.CompletedTask;
        };
        _mqtt.ClientSubscribedTopicAsync += _ =>
        {
            _subscribed.Release();
            return Task.CompletedTask;
        };
        await _mqtt.StartAsync();
    }

    private async Task StartWebAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(o => o.Listen(IPAddress.Loopback, 0));
        builder.Logging.ClearProviders();
        _web = builder.Build();
        _web.UseWebSockets();
        _web.Map("/base/socket", SocketAsync);
        _web.MapGet("/base/events", async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("event: x\ndata: {\"n\": 1}\n\ndata: {\"n\":\ndata: 2}\n\n: comment\n\ndata: three\n\n");
            await context.Response.Body.FlushAsync();
            await AbortedAsync(context);
        });
        _web.MapGet("/base/lines", async context =>
        {
            context.Response.ContentType = "application/x-ndjson";
            await context.Response.WriteAsync("{\"n\":1}\n{\"n\":2}\n");
        });
        _web.MapGet("/base/plain", () => "not a stream");
        _web.MapMethods("/base/orders", ["POST", "PUT"], async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            Web.Enqueue((context.Request.Method, context.Request.Path, context.Request.Headers.Authorization.ToString(), $"{context.Request.Headers["X-Trace"]} {await reader.ReadToEndAsync()} {context.Request.Headers["Idempotency-Key"].ToString().Length}"));
        });
        await _web.StartAsync();
    }

    /// <summary>Greets with two messages, and keeps what comes.</summary>
    private async Task SocketAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        await socket.SendAsync("""{"n":1}"""u8.ToArray(), WebSocketMessageType.Text, true, default);
        await socket.SendAsync("""{"n":2}"""u8.ToArray(), WebSocketMessageType.Text, true, default);
        var buffer = new byte[4096];
        try
        {
            while (await socket.ReceiveAsync(buffer, default) is { MessageType: not WebSocketMessageType.Close } part)
            {
                Web.Enqueue(("WS", context.Request.Path, context.Request.Headers.Authorization.ToString(), Encoding.UTF8.GetString(buffer, 0, part.Count)));
            }
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, default);
        }
        catch (WebSocketException)
        {
            // The subscriber went away.
        }
    }

    private static async Task AbortedAsync(HttpContext context)
    {
        var gone = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(() => gone.TrySetResult());
        await gone.Task;
    }

    private string WebAuthority => new Uri(_web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Authority;

    private string Version3() => $$"""
        asyncapi: 3.0.0
        info: { title: orders, version: 1.0.0 }
        servers:
          nats: { host: '127.0.0.1:{{_natsPort}}', protocol: nats }
          mqtt: { host: '127.0.0.1:{{_mqttPort}}', protocol: mqtt }
          mqtt5: { host: '127.0.0.1:{{_mqttPort}}', protocol: mqtt, protocolVersion: '5' }
          web: { host: '{{WebAuthority}}', pathname: '/{root}', protocol: http, variables: { root: { default: none } } }
          socket: { host: '{{WebAuthority}}', pathname: /base, protocol: ws }
          rabbit: { host: '127.0.0.1:1', protocol: amqp }
        channels:
          created:
            address: orders/created/{id}
            servers: [ { $ref: '#/servers/nats' } ]
            parameters: { id: { location: '$message.payload#/id' } }
            messages: { created: { correlationId: { location: '$message.header#/trace' } } }
          topic: { address: 'orders/{id}', parameters: { id: { location: '$message.payload#/id' } } }
          socket: { address: /socket, servers: [ { $ref: '#/servers/socket' } ] }
          orders: { address: /orders, servers: [ { $ref: '#/servers/web' } ] }
          events: { address: /events, servers: [ { $ref: '#/servers/web' } ] }
          lines: { address: /lines, servers: [ { $ref: '#/servers/web' } ] }
          plain: { address: /plain, servers: [ { $ref: '#/servers/web' } ] }
          queue: { address: queue, servers: [ { $ref: '#/servers/rabbit' } ] }
        operations:
          orderCreated: { action: receive, channel: { $ref: '#/channels/created' } }
          topic: { action: send, channel: { $ref: '#/channels/topic' }, bindings: { mqtt: { qos: 2 } } }
          socket: { action: send, channel: { $ref: '#/channels/socket' } }
          putOrder: { action: send, channel: { $ref: '#/channels/orders' }, bindings: { http: { method: PUT } } }
          events: { action: receive, channel: { $ref: '#/channels/events' } }
          lines: { action: receive, channel: { $ref: '#/channels/lines' } }
          plain: { action: receive, channel: { $ref: '#/channels/plain' } }
          queue: { action: send, channel: { $ref: '#/channels/queue' } }
        """;

    private string Version2() => $$"""
        asyncapi: 2.6.0
        info: { title: orders, version: 1.0.0 }
        servers:
          broker: { url: '127.0.0.1:{port}', protocol: nats, variables: { port: { default: '{{_natsPort}}' } } }
          closed: { url: '127.0.0.1:1', protocol: nats }
        channels:
          old.orders:
            publish: { operationId: sendOrder, message: { payload: { type: object } } }
            subscribe: { operationId: hearOrder, message: { payload: { type: object } } }
        """;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
