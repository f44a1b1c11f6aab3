namespace Calico.Shim.Wire;

/// <summary>What came of a delegate.</summary>
/// <param name="ExitCode">Its exit code; 128 + signal when a signal ended it; −1 when it could not be run.</param>
/// <param name="Output">Its standard output, or why it could not be run.</param>
internal sealed record DelegateOutcome(int ExitCode, ReadOnlyMemory<byte> Output)
{
    /// <summary>It was not on CNI_PATH or the kernel did not start it.</summary>
    public const int NotRun = -1;

    public ReadOnlyMemory<byte> ToFrame()
    {
        var writer = new WireWriter(FrameKind.DelegateOutcome, 8 + Output.Length);
        writer.WriteInt32(ExitCode);
        writer.WriteBytes(Output.Span);
        return writer.Finish();
    }

    public static DelegateOutcome Read(ReadOnlyMemory<byte> payload)
    {
        var reader = new WireReader(payload.Span);
        var exitCode = reader.ReadInt32();
        var output = payload[reader.ReadRange()];
        reader.ExpectEnd();
        return new DelegateOutcome(exitCode, output);
    }
}
