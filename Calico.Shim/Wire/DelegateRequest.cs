namespace Calico.Shim.Wire;

/// <summary>Another plugin that the shim is to run, because only the shim sees the runtime's CNI_PATH.</summary>
/// <param name="Type">Name of the binary: no slash.</param>
/// <param name="Environment">Replaces these variables of the shim's own environment.</param>
/// <param name="Input">The delegate's standard input.</param>
internal sealed record DelegateRequest(string Type, IReadOnlyList<KeyValuePair<string, string>> Environment, ReadOnlyMemory<byte> Input)
{
    public ReadOnlyMemory<byte> ToFrame()
    {
        var writer = new WireWriter(FrameKind.RunDelegate, 256 + Input.Length);
        writer.WriteText(Type);
        writer.WriteByte((byte)Environment.Count);
        foreach (var (name, value) in Environment)
        {
            writer.WriteText(name);
            writer.WriteText(value);
        }

        writer.WriteBytes(Input.Span);
        return writer.Finish();
    }

    public static DelegateRequest Read(ReadOnlyMemory<byte> payload)
    {
        var reader = new WireReader(payload.Span);
        var type = reader.ReadText();
        var environment = new KeyValuePair<string, string>[reader.ReadByte()];
        for (var i = 0; i < environment.Length; i++)
        {
            environment[i] = new(reader.ReadText(), reader.ReadText());
        }

        var input = payload[reader.ReadRange()];
        reader.ExpectEnd();
        return new DelegateRequest(type, environment, input);
    }
}
