using Google.Protobuf;
using Grpc.Core;

namespace Baton.Durable.Hosting;

/// <summary>Marshallers that read from and write to the transport's own buffers, without an array in between.</summary>
internal static class ProtoMarshaller<T> where T : class, IMessage<T>, IBufferMessage, new()
{
    private static readonly MessageParser<T> Parser = new(static () => new T());

    public static Marshaller<T> Instance { get; } = Marshallers.Create(Write, Read);

    private static void Write(T message, SerializationContext context)
    {
        context.SetPayloadLength(message.CalculateSize());
        message.WriteTo(context.GetBufferWriter());
        context.Complete();
    }

    private static T Read(DeserializationContext context)
    {
        try
        {
            return Parser.ParseFrom(context.PayloadAsReadOnlySequence());
        }
        catch (InvalidProtocolBufferException e)
        {
            throw ServiceErrors.Internal($"grpc: error unmarshalling request: {e.Message}");
        }
    }
}
