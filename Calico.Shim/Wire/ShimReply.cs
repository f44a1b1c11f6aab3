namespace Calico.Shim.Wire;

/// <summary>What the shim prints and how it exits.</summary>
/// <param name="ExitCode">0–255.</param>
/// <param name="Output">Standard output, verbatim.</param>
internal sealed record ShimReply(byte ExitCode, ReadOnlyMemory<byte> Output)
{
    public ReadOnlyMemory<byte> ToFrame()
    {
        var writer = new WireWriter(FrameKind.Reply, 5 + Output.Length);
        writer.WriteByte(ExitCode);
        writer.WriteBytes(Output.Span);
        return writer.Finish();
    }

    public static ShimReply Read(ReadOnlyMemory<byte> payload)
    {
        var reader = new WireReader(payload.Span);
        var exitCode = reader.ReadByte();
        var output = payload[reader.ReadRange()];
        reader.ExpectEnd();
        return new ShimReply(exitCode, output);
    }
}
