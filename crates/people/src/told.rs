//! What other companies say in their errors, without the people in it.

use std::{collections::HashSet, sync::LazyLock};

/// Words that such answers are made of. A name is never among them, and neither is anything that was asked.
const WORDS: &str = "
    a access account action activity after again all allowed already an and api are as at attribute authentication
    authorization authorized available bad balance bearer be been blank blocked body but by call calls can can't cannot
    cnpj code company conflict content cpf create created credential credentials credit credits customer daily data date
    day days deleted denied description disabled document does doesn't duplicate e-mail email empty enabled entity error
    errors exceeded exist exists expected expired failed failure field fields for forbidden format found from gateway
    gone has have hook_action hook_url hour hours http id in inactive incorrect integer internal invalid is it json key
    label lead leads length limit limited limits list login long maintenance many max maximum message messages method min
    minimum minute minutes missing module monthly more must name no not null number object of on only or page parameter
    params parse password payload payment per perpage per_page permission phone please plan present processable product
    quota rate reached record refused rejected request requests required resource retry second seconds seller server
    service session short should size sort status strptime string subscription success successfully suspended taken
    temporarily text than the this time timeout to today token too try type unable unauthorized unavailable unexpected
    unknown unprocessable updated_gte upgrade url usage used user valid value wait was were within wrong you your
    à ao aguarde após ativo atingido atingida autenticação autorizado autorizada autorização bloqueado bloqueada campo
    campos cliente com conta consulta consultas corpo credencial credito creditos crédito créditos da dados data de
    demais dia diario diário disponivel disponível do documento e em encontrado encontrada encontrados erro erros está
    excedido excedida existe expirado expirada falha falta faltando formato hora horas inativo incorreta incorreto
    indisponivel indisponível informado informada insuficiente insuficientes interno invalida invalido inválida inválido
    ja já limite limites máximo mensagem mensal minuto minutos modulo módulo muitas na nada nao não nenhum nenhuma no
    nome nova novamente numero número o obrigatória obrigatório ou para pagamento parametro parâmetro permissão permitido
    pessoa plano por registro requisição requisições resposta resultado saldo se sem senha servico serviço servidor
    sistema sua suspenso suspensa telefone temporariamente tempo tente token um uma usuario usuário vazio você volte
";

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split_whitespace().collect());

/// Stands for words that could say who somebody is.
const LEFT_OUT: &str = "[…]";
/// Digits of a number that is nobody's: a status, a count.
const DIGITS_MAX: usize = 4;
const MAX_CHARS: usize = 200;

/// What somebody says, as far as it is said in the words that errors are made of; the rest, be it a name, a number, an
/// address or a token, is left out. Proved by `names_numbers_and_tokens_are_left_out`.
pub fn plain_words(text: &str) -> String {
    let mut plain = String::new();
    let mut was_left_out = false;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let is_plain = is_plain(word);
        if is_plain || !was_left_out {
            if !plain.is_empty() {
                plain.push(' ');
            }
            plain.push_str(if is_plain { word } else { LEFT_OUT });
        }
        was_left_out = !is_plain;
        if plain.chars().count() >= MAX_CHARS {
            break;
        }
    }
    plain.chars().take(MAX_CHARS).collect()
}

fn is_plain(word: &str) -> bool {
    let core = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let is_number = core.len() <= DIGITS_MAX && core.bytes().all(|byte| byte.is_ascii_digit());
    is_number || KNOWN.contains(core.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_tokens_are_left_out() {
        for (text, expected) in [
            ("Token invalido ou limite atingido", "Token invalido ou limite atingido"),
            ("body can't be blank", "body can't be blank"),
            ("Joao Exemplo da Silva is invalid", "[…] da […] is invalid"),
            (
                "CPF 529.982.247-25 de joao@example.com, (11) 98765-4321, invalido",
                "CPF […] de […] (11) […] invalido",
            ),
            ("customer[name]=Joao not found\n\u{7}", "[…] not found"),
            ("GET /api?token=a%2Bb&consulta=1: error 500", "[…] error 500"),
            ("", ""),
        ] {
            assert_eq!(plain_words(text), expected);
        }
        assert!(plain_words(&"error ".repeat(1_000)).chars().count() <= MAX_CHARS);
    }
}
