namespace Calico.Shim.Wire;

/// <summary>One plugin call as the shim saw it. Nothing in it has been looked at yet.</summary>
/// <param name="Role">The binary's name.</param>
/// <param name="HasNamespace">The descriptor of CNI_NETNS travels with the frame's first byte.</param>
/// <param name="Environment">The <c>CNI_*</c> variables, verbatim.</param>
/// <param name="Input">Standard input, verbatim.</param>
internal sealed record ShimRequest(ShimRole Role, bool HasNamespace, IReadOnlyList<KeyValuePair<string, string>> Environment,
    ReadOnlyMemory<byte> Input)
{
    /// <summary>Asks whether workloads can be connected (<c>calico -t</c>); no CNI verb says that before version 1.1.0.</summary>
    public const string TestVerb = "CALICO_TEST";

    /// <summary>A variable, where this call was sent before and the connection broke without a reply: the host may have done it.</summary>
    public const string RepeatVariable = "CALICO_SHIM_REPEAT";

    /// <summary>Bumped when a shim and a host of different packages could misunderstand each other.</summary>
    private const byte ProtocolVersion = 1;

    private const int MaxVariables = 64;

    /// <summary>Whether it may have been done already.</summary>
    public bool IsRepeat => this[RepeatVariable] is not null;

    /// <summary>The same call, sent again.</summary>
    public ShimRequest Repeated() => this with { Environment = [.. Environment, new(RepeatVariable, "1")] };

    public ReadOnlyMemory<byte> ToFrame()
    {
        var writer = new WireWriter(FrameKind.Request, 1024 + Input.Length);
        writer.WriteByte(ProtocolVersion);
        writer.WriteByte((byte)Role);
        writer.WriteByte(HasNamespace ? (byte)1 : (byte)0);
        writer.WriteByte((byte)Math.Min(Environment.Count, MaxVariables));
        for (var i = 0; i < Environment.Count && i < MaxVariables; i++)
        {
            writer.WriteText(Environment[i].Key);
            writer.WriteText(Environment[i].Value);
        }

        writer.WriteBytes(Input.Span);
        return writer.Finish();
    }

    /// <param name="payload">Kept: <see cref="Input"/> is a part of it.</param>
    public static ShimRequest Read(ReadOnlyMemory<byte> payload)
    {
        var reader = new WireReader(payload.Span);
        var version = reader.ReadByte();
        if (version != ProtocolVersion)
            {
            throw new WireFormatException($"the plugin binary speaks protocol {version}, this host {ProtocolVersion}: "
                + "install the binary of this version");
        }

        var role = (ShimRole)reader.ReadByte();
        if (role > ShimRole.Mesos)
        {
            throw new WireFormatException($"unknown role {(byte)role}");
        }

        var hasNamespace = reader.ReadByte() != 0;
        var count = reader.ReadByte();
        if (count > MaxVariables)
        {
            throw new WireFormatException($"{count} variables; at most {MaxVariables} are allowed");
        }

        var environment = new KeyValuePair<string, string>[count];
        for (var i = 0; i < count; i++)
        {
            environment[i] = new(reader.ReadText(), reader.ReadText());
        }

        var input = payload[reader.ReadRange()];
        reader.ExpectEnd();
        return new ShimRequest(role, hasNamespace, environment, input);
    }

    /// <summary>A variable's value; null when it was not set, which CNI tells from empty.</summary>
    public string? this[string name]
    {
        get
        {
            foreach (var (key, value) in Environment)
            {
                if (key == name)
                {
                    return value;
                }
            }

            return null;
        }
    }
}
